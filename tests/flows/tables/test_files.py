"""Writes are atomic however the process ends, and git sees no leftover."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from flows.params import Params
from flows.tables import files
from tests.conftest import REPOSITORY
from tests.flows.stage_runs import run_main, stage_error

SCRIPT_START = """
    import os, signal, sys
    from pathlib import Path
    from flows.tables import files
    target = Path(sys.argv[1])
"""


def run_and_kill(script: str, target: Path) -> None:
    """Run `script`, which kills itself while it writes `target`."""
    code = textwrap.dedent(SCRIPT_START) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code, str(target)], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `out` that contains one file, `a`."""
    with files.atomic_directory(tmp_path / "out") as part:
        files.write_bytes(part / "a", b"old")
    return tmp_path / "out"


def test_a_full_disk_names_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    files.write_json(target, 1)

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device") as raised:
        files.write_json(target, 2)
    assert raised.value.filename == str(target)
    assert target.read_text() == "1\n"
    assert names(tmp_path) == ["out.json"]


@pytest.mark.parametrize(
    ("stage", "file"),
    [("featurize", "data/features/2013-01.parquet"), ("ingest", "data/raw/flights/2013-01.csv")],
)
def test_a_stage_that_cannot_write_names_itself_and_the_file(
    raw_root: Path, tmp_path: Path, params: Params, stage: str, file: str
) -> None:
    if stage == "featurize":
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "raw").symlink_to(raw_root / "data" / "raw")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        text = stage_error(tmp_path, params, stage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert text == f"stage {stage}: {file}: File too large"
    assert not (tmp_path / file).parent.exists()


def test_a_folder_that_is_not_writable_is_named(tmp_path: Path, params: Params) -> None:
    (tmp_path / "data").write_text("a file")
    assert "data/raw" in stage_error(tmp_path, params, "ingest")


def test_a_kill_before_the_end_leaves_the_old_folder_whole(folder: Path) -> None:
    script = """
        with files.atomic_directory(target) as part:
            files.write_bytes(part / "b", b"new")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    run_and_kill(script, folder)
    assert names(folder) == ["a"]


@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_while_folders_are_swapped_leaves_one_of_them_whole_or_none(
    folder: Path, step: Any
) -> None:
    script = f"""
        replace, calls = Path.replace, []
        def replace_and_die(self, to):
            done = replace(self, to)
            if target in (self, to):
                calls.append(to)
                if len(calls) == {step}:
                    os.kill(os.getpid(), signal.SIGKILL)
            return done
        Path.replace = replace_and_die
        with files.atomic_directory(target) as part:
            for name in "bc":
                files.write_bytes(part / name, b"new")
    """
    run_and_kill(script, folder)
    assert not folder.exists() or names(folder) == ["b", "c"]
    assert folder.exists() == (step == 2)


def test_a_kill_while_the_old_folder_is_removed_leaves_the_new_one_whole(folder: Path) -> None:
    files.write_bytes(folder / "b", b"old")
    script = """
        unlink, removed = os.unlink, []
        def unlink_one_and_die(path, **settings):
            unlink(path, **settings)
            removed.append(path)
            os.kill(os.getpid(), signal.SIGKILL)
        with files.atomic_directory(target) as part:
            for name in "cd":
                files.write_bytes(part / name, b"new")
            os.unlink = unlink_one_and_die
    """
    run_and_kill(script, folder)
    assert names(folder) == ["c", "d"]


@pytest.mark.parametrize("function", ["atomic_file", "atomic_directory"])
def test_git_ignores_what_a_kill_leaves_and_the_next_run_removes_it(
    tmp_path: Path, function: str
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text((REPOSITORY / ".gitignore").read_text())
    target = tmp_path / "out"
    script = f"""
        with files.{function}(target) as part:
            os.kill(os.getpid(), signal.SIGKILL)
    """
    run_and_kill(script, target)
    assert len(names(tmp_path)) == 3
    seen = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert seen.stdout == "?? .gitignore\n"
    files.write_bytes(target, b"new")
    assert names(tmp_path) == [".git", ".gitignore", "out"]


@pytest.mark.parametrize("function", ["atomic_file", "atomic_directory"])
def test_a_file_system_that_cannot_lock_folders_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    left = tmp_path / ".out.x.part"
    left.mkdir()
    monkeypatch.setattr(fcntl, "flock", fail)
    with getattr(files, function)(tmp_path / "out") as part:
        files.write_bytes(part / "a" if part.is_dir() else part, b"1")
    assert names(tmp_path) == [".out.x.part", "out"]  # its process may still run


def test_what_another_process_is_writing_is_not_removed(tmp_path: Path) -> None:
    with files.atomic_directory(tmp_path / "out") as first:
        files.write_bytes(first / "a", b"1")
        with files.atomic_directory(tmp_path / "out") as second:
            files.write_bytes(second / "b", b"2")
    assert names(tmp_path / "out") == ["a"]


def test_the_command_ends_with_1_and_no_traceback(small_root: Path) -> None:
    text = (small_root / "params.yaml").read_text().replace("lead_min: 120", "lead_min: 1")
    (small_root / "params.yaml").write_text(text)
    done = run_main(small_root, "featurize")
    assert done.returncode == 1
    assert "stage featurize: params.yaml: parameter features.lead_min = 1" in done.stderr
    assert "Traceback" not in done.stderr
