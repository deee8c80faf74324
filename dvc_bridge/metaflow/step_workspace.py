"""The folder that a step's body works in: the stage's deps and params, and room for its outs."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dvc_bridge.planning.run_cache_key import Pointer, StageSpec

from .errors import of_machine
from .objects import bring, find
from .run_artifact import DvcRun, modes_of, path_of


@contextmanager
def stage_folder(run: DvcRun, spec: StageSpec, deps: Mapping[str, Pointer]) -> Iterator[Path]:
    """Make the folder, and remove it when the step is over.

    Raises
    ------
    IntegrityError
        An object of the cache is missing, or its bytes are not what its md5 says.
    RefusedError
        The machine has no room, or gives no right to it.
    """
    parent = Path(run["root"]) / ".dvc" / "tmp" / "metaflow"
    with of_machine(f"{parent}"):
        folder, lock = _claimed(parent, f"{spec['name'].replace('/', '_')[:50]}.")
    try:
        with of_machine(f"{folder}"):
            _fill(folder, run, spec, deps)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _claimed(parent: Path, prefix: str) -> tuple[Path, int]:
    """Make a folder that stays locked as long as the file number given is open.

    Those that no process has locked are of steps that were killed, and go, where folders can be
    locked at all.
    """
    parent.mkdir(parents=True, exist_ok=True)
    # Without this lock a step that starts beside this one would take the new folder for such a one.
    all_of_them = os.open(parent, os.O_RDONLY)
    try:
        if _locked(all_of_them):
            for left in parent.iterdir():
                # One whose step has just ended is gone by itself.
                with suppress(BlockingIOError, FileNotFoundError, NotADirectoryError):
                    os.close(_opened(left))
                    shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        return folder, _opened(folder)
    finally:
        os.close(all_of_them)


def _opened(folder: Path) -> int:
    """Open a folder and lock it; BlockingIOError if another process has."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _locked(number, fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise
    return number


def _locked(number: int, how: int = 0) -> bool:
    """Lock a folder that is open; False on a file system that locks no folders, as NFS."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | how)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
    return True


def _fill(folder: Path, run: DvcRun, spec: StageSpec, deps: Mapping[str, Pointer]) -> None:
    cache = Path(run["cache"])
    for dep, pointer in deps.items():
        path = path_of(spec, dep)
        if find(cache, run["outs"], path):
            bring(cache, pointer, folder / path)
            for inside, mode in modes_of(run, path).items():
                (folder / path / inside).chmod(mode)
        else:
            shutil.copy(Path(run["root"]) / path, _room(folder, path))
    for name in spec["params"]:
        path = path_of(spec, name)
        if path in run["replaced"]:
            _room(folder, path).write_text(run["replaced"][path], encoding="utf-8")
        else:
            shutil.copy(Path(run["root"]) / path, _room(folder, path))
    for out in spec["outs"]:
        _room(folder, path_of(spec, out))


def _room(folder: Path, path: str) -> Path:
    """Return the place of `path` in `folder`, in which its own folder stands."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return folder / path
