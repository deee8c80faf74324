"""The folder that a step works in: on a full disk, after a kill, with other steps."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from dvc_bridge.metaflow.step_workspace import stage_folder
from tests.support.local_flow import command, environment, run
from tests.support.one_stage import make_of

FOLDERS = ".dvc/tmp/metaflow"


@pytest.fixture
def project(one_stage: Path, tmp_path: Path) -> Path:
    return shutil.copytree(one_stage, tmp_path / "project", symlinks=True)


def folders(root: Path) -> list[Path]:
    return list((root / FOLDERS).iterdir())


@pytest.fixture
def small_disk() -> Callable[[str, str], list[str]]:
    """Return a function from a folder and options to a command prefix that mounts a disk there.

    Only the command sees the disk, which is removed afterwards; the prefix first lists leftovers.
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
) -> None:
    (project / FOLDERS).mkdir(parents=True)
    (project / "words").write_text("words" * 500_000)
    printed = run(project, code=1, under=small_disk(folder, options))
    assert re.search(
        rf" {project}/{place}: No space left on device\n.* fix: free some disk space", printed
    )
    assert "Traceback" not in printed
    assert "left:\n" in printed


def test_an_error_of_the_system_in_a_body_keeps_its_traceback(project: Path) -> None:
    printed = run(project, f"--fault={errno.ENOSPC}", "--force", code=1)
    assert 'raise OSError(self.fault, os.strerror(self.fault), "mine")' in printed
    assert "[Errno 28] No space left on device: 'mine'" in printed
    assert "fix: " not in printed
    assert folders(project) == []


def test_the_folder_of_a_step_that_was_killed_goes_when_the_next_one_starts(project: Path) -> None:
    step = subprocess.Popen(
        command("run", "--force", "--line", "echo half > loud; touch begun; sleep 300"),
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
        # Another process, so that this one can observe it.
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
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    (left := project / FOLDERS / "left").mkdir(parents=True)
    monkeypatch.setattr(fcntl, "flock", refused)
    with stage_folder(*make_of(project)) as folder:
        assert (folder / "words").read_text() == "abba\n"
    assert folders(project) == [left]  # its owner is unknown


def test_what_is_no_folder_of_a_step_is_let_be(project: Path) -> None:
    (project / FOLDERS).mkdir(parents=True)
    (file := project / FOLDERS / "note").write_text("the user's")
    with stage_folder(*make_of(project)) as folder:
        assert (folder / "words").read_text() == "abba\n"
    assert file.read_text() == "the user's"


def test_steps_that_start_and_end_at_once_keep_their_folders(project: Path) -> None:
    dvc_run, spec, deps = make_of(project)

    def steps(_: int) -> int:
        whole = 0
        for _ in range(40):
            with stage_folder(dvc_run, spec, deps) as folder:
                time.sleep(0.002)
                whole += (folder / "words").read_text() == "abba\n" and (
                    folder / "d"
                ).parent.is_dir()
        return whole

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(steps, range(8))) == [40] * 8
    assert folders(project) == []
