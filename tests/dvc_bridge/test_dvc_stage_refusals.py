"""`@dvc_stage` where the project, the cache or the machine is not right: said, and nothing left."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.metaflow import begin_run, read_out
from dvc_bridge.metaflow.errors import DvcStageError
from dvc_bridge.metaflow.folder import stage_folder
from dvc_bridge.metaflow.record import DvcRun, dep_pointers, lookup, with_result
from dvc_bridge.plan.result import Result
from dvc_bridge.plan.run_cache import Pointer, StageSpec, inputs_entry, run_cache_key
from tests.dvc_bridge.commands import bridge, dvc
from tests.dvc_bridge.local_flow import command, environment, run

LINE = "tr a-z A-Z < words > loud; mkdir d; cp loud d/x; echo '{\"auc\": 0.5}' > m.json"
STAGES = {"make": {"cmd": LINE, "deps": ["words"], "outs": ["d", "loud"], "metrics": ["m.json"]}}
FLOW = """
    import os
    import subprocess
    from pathlib import Path
    from metaflow import FlowSpec, Parameter, card, step
    from dvc_bridge.metaflow import begin_run, dvc_stage, read_out, workspace

    ROOT = Path(__file__).parent

    class Mini(FlowSpec):
        line = Parameter("line", default=LINE)
        fault = Parameter("fault", default=0)
        read = Parameter("read", default="")
        force = Parameter("force", is_flag=True, default=False)

        @step
        def start(self):
            self.dvc = begin_run(ROOT)
            self.next(self.make)

        @dvc_stage(stage="make")
        @step
        def make(self):
            if self.fault:
                raise OSError(self.fault, os.strerror(self.fault), "mine")
            subprocess.run(self.line, shell=True, check=True, cwd=workspace())
            self.next(self.end)

        @card(type="dvc_run")
        @step
        def end(self):
            if self.read:
                print("read", read_out(self.dvc, self.read))

    if __name__ == "__main__":
        Mini()
"""
FOLDERS = ".dvc/tmp/metaflow"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after `dvc repro`, to be copied."""
    root = tmp_path_factory.mktemp("made")
    dvc(root, "init", "--no-scm", "--quiet")
    (root / "words").write_text("abba\n")
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "flow.py").write_text(textwrap.dedent(FLOW).replace("=LINE", f"={LINE!r}"))
    dvc(root, "repro")
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(made, root, symlinks=True)
    return root


def locked_object(root: Path, out: str) -> Path:
    """Give the file of the cache that holds an out, by dvc.lock."""
    outs = yaml.safe_load((root / "dvc.lock").read_text())["stages"]["make"]["outs"]
    (md5,) = [o["md5"] for o in outs if o["path"] == out]
    return root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def damage(file: Path) -> None:
    file.chmod(0o644)
    file.write_text("other")


def make_of(root: Path) -> tuple[DvcRun, StageSpec, dict[str, Pointer]]:
    """Give what a step knows that is the stage `make`."""
    told = begin_run(root)
    spec = told["stages"]["make"]
    return told, spec, dep_pointers(told, spec)


def found(root: Path) -> Result | None:
    """Give what the step finds that is the stage `make`."""
    told, spec, deps = make_of(root)
    key = run_cache_key(inputs_entry(spec["cmd"], deps, spec["params"]), spec["outs"])
    return lookup(told, spec, deps, key)


def md5s(result: Result | None) -> dict[str, str]:
    assert result
    return {out["path"]: out["md5"] for out in result.entry["outs"]}


def folders(root: Path) -> list[Path]:
    return list((root / FOLDERS).iterdir())


def emptied(root: Path) -> str:
    (root / "dvc.lock").write_bytes(b"")
    return "dvc.lock is not a lock file"


def cut_off(root: Path) -> str:
    lock = (root / "dvc.lock").read_bytes()
    (root / "dvc.lock").write_bytes(lock[: lock.index(b"cmd:")])
    return "dvc.lock:3: stages.make: expected a dictionary"


def no_yaml(root: Path) -> str:
    (root / "dvc.yaml").write_text("stages: [")
    return "dvc.yaml: line 1, column 10"


@pytest.mark.parametrize("spoil", [emptied, cut_off, no_yaml])
def test_a_run_on_a_project_that_dvc_cannot_read_ends_with_the_file_and_the_fix(
    project: Path, spoil: Callable[[Path], str]
):
    said = spoil(project)
    printed = run(project, code=1)
    assert said in printed
    assert "fix: " in printed
    assert "Traceback" not in printed


def test_a_dvc_lock_cut_off_anywhere_is_refused_by_name_or_gives_the_result_of_the_run_cache(
    project: Path,
):
    lock = (project / "dvc.lock").read_bytes()
    whole = md5s(found(project))
    for size in range(len(lock)):
        (project / "dvc.lock").write_bytes(lock[:size])
        try:
            known = md5s(found(project))
        except DvcStageError as error:
            said = str(error)
            assert said.startswith("dvc.lock"), size
        else:
            assert known == whole, size


def test_a_damaged_out_that_a_step_reads_ends_the_run_by_its_name(project: Path):
    damage(file := locked_object(project, "loud"))
    printed = run(project, "--read", "loud", code=1)
    assert "make: unchanged" in printed
    assert f"{file}: its bytes are not what its name says" in printed
    assert "fix: delete it" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(("out", "gone"), [("loud", "loud"), ("d/x", "loud"), ("d/x", "d")])
def test_what_read_out_misses_in_the_cache_it_names(project: Path, out: str, gone: str):
    told, spec, _ = make_of(project)
    result = found(project)
    assert result
    told = with_result(told, spec, result)
    assert read_out(told, out) == b"ABBA\n"
    (file := locked_object(project, gone)).unlink()
    with pytest.raises(DvcStageError, match=f"{file} is not in the cache\nfix: dvc pull"):
        read_out(told, out)


@pytest.fixture
def small_disk() -> Callable[[str, str], list[str]]:
    """Give a function from a folder and options to what runs a command with a disk mounted there.

    The command alone sees the disk, which goes when it ends; the folders left are listed before.
    """
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = (
        'mount -t tmpfs -o "$1" tmpfs "$0" && shift && { "$@"; code=$?; cd '
        f"{FOLDERS} && echo left: $(ls -A); exit $code; }}"
    )

    def disk(folder: str, options: str) -> list[str]:
        return [*alone, script, folder, options]

    with suppress(FileNotFoundError):
        tried = [*alone, "mount -t tmpfs tmpfs /mnt"]
        if subprocess.run(tried, capture_output=True).returncode == 0:
            return disk
    pytest.skip("this machine lets this user mount nothing")


@pytest.mark.parametrize(
    ("folder", "options", "place"),
    [
        pytest.param(FOLDERS, "nr_inodes=1", rf"{FOLDERS}/make\.\w+", id="no folder"),
        pytest.param(FOLDERS, "size=1m", rf"{FOLDERS}/make\.\w+/words", id="no deps"),
        pytest.param(".dvc/cache", "size=1m", r"\.dvc/cache", id="no outs"),
    ],
)
def test_a_step_on_a_full_disk_names_the_place_and_leaves_no_folder(
    project: Path,
    small_disk: Callable[[str, str], list[str]],
    folder: str,
    options: str,
    place: str,
):
    (project / FOLDERS).mkdir(parents=True)
    (project / "words").write_text("words" * 500_000)
    printed = run(project, code=1, under=small_disk(folder, options))
    assert re.search(rf" {project}/{place}: No space left on device\n.* fix: make room", printed)
    assert "Traceback" not in printed
    assert "left:\n" in printed


def test_an_error_of_the_system_in_a_body_keeps_its_traceback(project: Path):
    printed = run(project, f"--fault={errno.ENOSPC}", "--force", code=1)
    assert 'raise OSError(self.fault, os.strerror(self.fault), "mine")' in printed
    assert "[Errno 28] No space left on device: 'mine'" in printed
    assert "fix: " not in printed
    assert folders(project) == []


def garbage(entry: dict[str, Any]) -> bytes:
    return b"\x00\xff\xfe garbage"


def half_written(entry: dict[str, Any]) -> bytes:
    return b"a: ["


def a_list(entry: dict[str, Any]) -> bytes:
    return dumped([entry])


def without_outs(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": []})


def with_one_out(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": entry["outs"][:1]})


def with_outs_that_are_none(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": ["d", None, 1]})


def with_paths_that_are_none(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": [{**out, "path": [out["path"]]} for out in entry["outs"]]})


def without_md5(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": [{**out, "md5": None} for out in entry["outs"]]})


def with_md5_cut_off(entry: dict[str, Any]) -> bytes:
    return dumped({**entry, "outs": [{**out, "md5": out["md5"][:2]} for out in entry["outs"]]})


def dumped(value: Any) -> bytes:
    return yaml.safe_dump(value).encode()


SPOILS = [
    *(garbage, half_written, a_list, without_outs, with_one_out, with_outs_that_are_none),
    *(with_paths_that_are_none, without_md5, with_md5_cut_off),
]


def spoil_runs(root: Path, spoils: Sequence[Callable[[dict[str, Any]], bytes]]) -> None:
    """Make the run cache the one source of results, and damage what it has, once in each way."""
    (root / "dvc.lock").unlink()
    (file,) = (root / ".dvc/cache/runs").glob("*/*/*")
    entry = yaml.safe_load(file.read_bytes())
    file.chmod(0o644)
    for number, spoil in enumerate(spoils):
        (file if number == 0 else file.with_name(f"{number:064x}")).write_bytes(spoil(entry))


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_damaged_entry_of_the_run_cache_is_no_result(
    project: Path, spoil: Callable[[dict[str, Any]], bytes]
):
    locked = yaml.safe_load((project / "dvc.lock").read_bytes())
    spoil_runs(project, [spoil])
    assert found(project) is None
    # A whole one beside it, as DVC leaves it, is a result.
    (damaged,) = (project / ".dvc/cache/runs").glob("*/*/*")
    damaged = damaged.rename(damaged.with_name("0" * 64))
    dvc(project, "repro", "--no-run-cache")
    assert len(list(damaged.parent.iterdir())) == 2
    os.utime(damaged)
    (project / "dvc.lock").unlink()
    result = found(project)
    assert result
    assert result.entry == locked["stages"]["make"]


def test_a_stage_whose_entries_of_the_run_cache_are_damaged_runs_and_dvc_takes_what_it_made(
    project: Path,
):
    locked = (project / "dvc.lock").read_bytes()
    # The first one has the name of the entry that is written then: DVC reads it, as UTF-8 alone.
    spoil_runs(project, [half_written, *SPOILS])
    assert "make: running" in run(project)
    assert "make: unchanged" in run(project)
    for spoiled in (project / ".dvc/cache/runs").glob(f"*/*/{'0' * 60}*"):
        spoiled.unlink()
    assert "is cached - skipping run" in dvc(project, "repro")
    assert (project / "dvc.lock").read_bytes() == locked


def test_the_folder_of_a_step_that_was_killed_goes_when_the_next_one_starts(project: Path):
    step = subprocess.Popen(
        command("--force", "--line", "echo half > loud; touch begun; sleep 300"),
        cwd=project,
        env=environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not list(project.glob(f"{FOLDERS}/make.*/begun")):
            assert step.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        (running,) = folders(project)
        # Another process: what runs there is seen here.
        with stage_folder(*make_of(project)) as other:
            assert sorted(folders(project)) == sorted([running, other])
        assert (running / "loud").read_text() == "half\n"
    finally:
        os.killpg(step.pid, signal.SIGKILL)
        step.wait()
    assert folders(project) == [running]
    with stage_folder(*make_of(project)) as other:
        assert folders(project) == [other]
    assert folders(project) == []


def test_a_file_system_that_locks_no_folders_has_room_for_steps_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    (left := project / FOLDERS / "left").mkdir(parents=True)
    monkeypatch.setattr(fcntl, "flock", refused)
    with stage_folder(*make_of(project)) as folder:
        assert (folder / "words").read_text() == "abba\n"
    assert folders(project) == [left]  # whose it is cannot be told


def test_what_is_no_folder_of_a_step_is_let_be(project: Path):
    (project / FOLDERS).mkdir(parents=True)
    (file := project / FOLDERS / "note").write_text("the user's")
    with stage_folder(*make_of(project)) as folder:
        assert (folder / "words").read_text() == "abba\n"
    assert file.read_text() == "the user's"


def test_steps_that_start_and_end_at_once_keep_their_folders(project: Path):
    told, spec, deps = make_of(project)

    def steps(_: int) -> int:
        whole = 0
        for _ in range(40):
            with stage_folder(told, spec, deps) as folder:
                time.sleep(0.002)
                whole += (folder / "words").read_text() == "abba\n" and (
                    folder / "d"
                ).parent.is_dir()
        return whole

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(steps, range(8))) == [40] * 8
    assert folders(project) == []


def test_the_page_of_a_run_whose_metrics_are_damaged_or_gone_is_written_without_them(
    project: Path,
):
    file = locked_object(project, "m.json")
    whole = file.read_bytes()
    damage(file)
    run(project, "--run-id-file", "id")
    (card,) = project.glob(".metaflow/mf.cards/**/dvc_run*.html")
    assert "m.json cannot be read here" in card.read_text()
    words = ["report", "--run", f"Mini/{(project / 'id').read_text()}"]
    assert "m.json cannot be read here" in bridge(project, *words, METAFLOW_USER="tester")
    file.unlink(missing_ok=True)
    assert "m.json cannot be read here" in bridge(project, *words, METAFLOW_USER="tester")
    file.write_bytes(whole)
    assert "0.5000" in bridge(project, *words, METAFLOW_USER="tester")
