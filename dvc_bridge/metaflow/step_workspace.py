"""Create the folder in which a step's body runs, with the stage's deps and params."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dvc_bridge.dvcio.cached_objects import bring, find
from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.planning.run_cache_key import StageSpec

from .errors import of_machine
from .run_artifact import DvcRun, modes_of, path_of


@contextmanager
def stage_folder(run: DvcRun, spec: StageSpec, deps: Mapping[str, Pointer]) -> Iterator[Path]:
    """Create the folder, and remove it at the end of the step.

    Raises
    ------
    IntegrityError
        An object of the cache is missing, or its content does not match its md5.
    RefusedError
        The disk is full, or the folder is not writable.
    """
    parent = Path(run["root"]) / ".dvc" / "tmp" / "metaflow"
    with of_machine(f"{parent}"):
        folder, lock = _create_folder(parent, f"{spec['name'].replace('/', '_')[:50]}.")
    try:
        with of_machine(f"{folder}"):
            _fill(folder, run, spec, deps)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _create_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """Create a folder, and return it with a file descriptor that keeps it locked while open.

    If the file system supports locks on folders, also remove the folders that no process locks:
    they belong to steps that were killed.
    """
    parent.mkdir(parents=True, exist_ok=True)
    # Without this lock, another step that starts now might remove the new folder before its lock.
    parent_lock = os.open(parent, os.O_RDONLY)
    try:
        if _lock(parent_lock):
            for leftover in parent.iterdir():
                # The step of a folder may end now and remove it.
                with suppress(BlockingIOError, FileNotFoundError, NotADirectoryError):
                    os.close(_open_locked(leftover))
                    shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        return folder, _open_locked(folder)
    finally:
        os.close(parent_lock)


def _open_locked(folder: Path) -> int:
    """Open and lock a folder; raise BlockingIOError if another process holds the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, flags: int = 0) -> bool:
    """Lock an open folder; return False on file systems without folder locks, such as NFS."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
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
            shutil.copy(Path(run["root"]) / path, _make_parent(folder, path))
    for name in spec["params"]:
        path = path_of(spec, name)
        if path in run["replaced"]:
            _make_parent(folder, path).write_text(run["replaced"][path], encoding="utf-8")
        else:
            shutil.copy(Path(run["root"]) / path, _make_parent(folder, path))
    for out in spec["outs"]:
        _make_parent(folder, path_of(spec, out))


def _make_parent(folder: Path, path: str) -> Path:
    """Return the location of `path` in `folder`, after creating its parent folder."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return folder / path
