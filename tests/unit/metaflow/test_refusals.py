"""`@dvc_stage` with a damaged project or cache: an error, or the damage is ignored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.metaflow import read_out
from dvc_bridge.metaflow.errors import DvcStageError
from dvc_bridge.metaflow.run_artifact import with_result
from dvc_bridge.metaflow.step_on_host import HostStage
from dvc_bridge.pipeline.result import Result
from tests.support.commands import bridge, dvc
from tests.support.local_flow import run
from tests.support.one_stage import make_of


@pytest.fixture
def project(one_stage: Path, tmp_path: Path) -> Path:
    return shutil.copytree(one_stage, tmp_path / "project", symlinks=True)


def locked_object(root: Path, out: str) -> Path:
    """Return the file of the cache that holds an out, according to dvc.lock."""
    outs = yaml.safe_load((root / "dvc.lock").read_text())["stages"]["make"]["outs"]
    found: list[str] = [o["md5"] for o in outs if o["path"] == out]
    (md5,) = found
    return root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def damage(file: Path) -> None:
    file.chmod(0o644)
    file.write_text("other")


def found(root: Path) -> Result | None:
    """Return the known result of the stage `make`, or None."""
    dvc_run, spec, _ = make_of(root)
    return HostStage(dvc_run, spec).settle(force=False)


def md5s(result: Result | None) -> dict[str, str]:
    assert result
    return {out["path"]: out["md5"] for out in result.entry["outs"]}


def emptied(root: Path) -> str:
    (root / "dvc.lock").write_bytes(b"")
    return "dvc.lock: not a lock file"


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
) -> None:
    said = spoil(project)
    printed = run(project, code=1)
    assert said in printed
    assert "fix: " in printed
    assert "Traceback" not in printed


def test_a_dvc_lock_cut_off_anywhere_is_refused_by_name_or_gives_the_result_of_the_run_cache(
    project: Path,
) -> None:
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


def test_a_damaged_out_that_a_step_reads_ends_the_run_by_its_name(project: Path) -> None:
    damage(file := locked_object(project, "loud"))
    printed = run(project, "--read", "loud", code=1)
    assert "make: unchanged" in printed
    assert f"{file}: the content does not match the hash in the name" in printed
    assert "fix: delete it" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(("out", "gone"), [("loud", "loud"), ("d/x", "loud"), ("d/x", "d")])
def test_what_read_out_misses_in_the_cache_it_names(project: Path, out: str, gone: str) -> None:
    dvc_run, spec, _ = make_of(project)
    result = found(project)
    assert result
    dvc_run = with_result(dvc_run, spec, result)
    assert read_out(dvc_run, out) == b"ABBA\n"
    (file := locked_object(project, gone)).unlink()
    with pytest.raises(DvcStageError, match=f"{file} is not in the cache\nfix: dvc pull"):
        read_out(dvc_run, out)


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
    """Make the run cache the only source of results, and damage its entries, once in each way."""
    (root / "dvc.lock").unlink()
    (file,) = (root / ".dvc/cache/runs").glob("*/*/*")
    entry = yaml.safe_load(file.read_bytes())
    file.chmod(0o644)
    for number, spoil in enumerate(spoils):
        (file if number == 0 else file.with_name(f"{number:064x}")).write_bytes(spoil(entry))


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_damaged_entry_of_the_run_cache_is_no_result(
    project: Path, spoil: Callable[[dict[str, Any]], bytes]
) -> None:
    locked = yaml.safe_load((project / "dvc.lock").read_bytes())
    spoil_runs(project, [spoil])
    assert found(project) is None
    # A complete entry next to it, as DVC writes it, is a result.
    (damaged,) = (project / ".dvc/cache/runs").glob("*/*/*")
    damaged = damaged.rename(damaged.with_name("0" * 64))
    dvc(project, "repro", "--no-run-cache")
    assert len(list(damaged.parent.iterdir())) == 2
    os.utime(damaged)
    (project / "dvc.lock").unlink()
    result = found(project)
    assert result
    assert result.entry == locked["stages"]["make"]


@pytest.mark.full
def test_a_stage_whose_entries_of_the_run_cache_are_damaged_runs_and_dvc_takes_what_it_made(
    project: Path,
) -> None:
    locked = (project / "dvc.lock").read_bytes()
    # The first one has the name of the next entry, which DVC reads, and only as UTF-8.
    spoil_runs(project, [half_written, *SPOILS])
    assert "make: running" in run(project)
    assert "make: unchanged" in run(project)
    for spoiled in (project / ".dvc/cache/runs").glob(f"*/*/{'0' * 60}*"):
        spoiled.unlink()
    assert "is cached - skipping run" in dvc(project, "repro")
    assert (project / "dvc.lock").read_bytes() == locked


@pytest.mark.full
def test_the_page_of_a_run_whose_metrics_are_damaged_or_gone_is_written_without_them(
    project: Path,
) -> None:
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
