"""The two locks that keep DVC processes from interfering with each other.

A process holds the repository lock while it reads or writes DVC's files, and releases it while
commands run, so that a command can call dvc. The paths that a running command reads and writes are
listed in `.dvc/tmp/rwlock` (dvc/rwlock.py): DVC refuses a second process that uses the same paths.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import named
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import RunIndex

# DVC itself waits this long for another process.
START_S = 3.0
POLL_S = 0.05
# Exceptions that reading a damaged lock file can raise.
_DAMAGED = (
    ValueError,
    AttributeError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
    IsADirectoryError,
)


class RepositoryLock:
    """The lock on the whole repository, of the kind that the project's settings choose."""

    def __init__(self, project: Project) -> None:
        self._path = project.tmp / "lock"
        hard = str(project.config.get("core", {}).get("hardlink_lock", "")).lower() == "true"
        self._lock: _Flock | _Hardlink = _Hardlink(self._path) if hard else _Flock(self._path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises
        ------
        UsageError
            Another DVC process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._take(START_S)
        try:
            yield
        finally:
            self._lock.drop()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Release the lock, then take it again without a time limit.

        A dvc command that a stage calls can hold the lock for a long time.
        """
        self._lock.drop()
        try:
            yield
        finally:
            self._take(math.inf)

    def _take(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._lock.take():
            if time.monotonic() > deadline:
                raise UsageError(
                    f"another DVC process holds {self._path}{_holder(self._path)}",
                    "wait for it to end",
                )
            time.sleep(POLL_S)


class _Flock:
    """An flock on the file, as zc.lockfile takes it; the file stays open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with suppress(OSError):  # the pid is only for messages: a full disk must not stop the run
            os.pwrite(self._file, f"{os.getpid():>10}\n".encode(), 0)
        return True

    def drop(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)


class _Hardlink:
    """DVC's own lock for file systems without flock (core.hardlink_lock)."""

    def __init__(self, path: Path) -> None:
        from dvc.lock import make_lock  # noqa: PLC0415  only with core.hardlink_lock

        self._lock = make_lock(str(path), tmp_dir=str(path.parent), hardlink_lock=True)

    def take(self) -> bool:
        from dvc.lock import LockError  # noqa: PLC0415

        try:
            self._lock.lock()
        except LockError:
            return False
        return True

    def drop(self) -> None:
        self._lock.unlock()


def _holder(path: Path) -> str:
    with suppress(OSError):
        pid = path.read_text(encoding="utf-8").strip()
        if pid:
            return f" (process {pid})"
    return ""


class PathLocks:
    """The paths that this run's commands currently read and write, visible to other processes."""

    def __init__(self, project: Project) -> None:
        self._path = project.tmp / "rwlock"
        self._root = project.root
        self._info = {"pid": os.getpid(), "cmd": "dvc-bridge repro"}
        self._running: dict[RunIndex, tuple[list[str], list[str]]] = {}
        self._others: dict[str, dict[str, Any]] | None = None

    def check(self, reads: Iterable[str], writes: Iterable[str]) -> None:
        """Check that no other process uses these paths, which are relative to the root.

        The result is valid while the caller holds the repository lock.

        Raises
        ------
        UsageError
            A running process uses one of them.
        """
        if any(self._claims_of_others().values()):
            self._refuse_conflicts(*self._absolute_paths(reads, writes))

    def forget_others(self) -> None:
        """Read the file again next time: the repository lock was released in the meantime."""
        self._others = None

    def take(self, index: RunIndex, reads: Iterable[str], writes: Iterable[str]) -> None:
        """Claim paths, relative to the root, for a stage that starts.

        The caller holds the repository lock.

        Raises
        ------
        UsageError
            A running process uses one of them.
        """
        paths = self._absolute_paths(reads, writes)
        self._refuse_conflicts(*paths)
        self._running[index] = paths
        try:
            self._write()
        except OSError:
            del self._running[index]
            raise

    def _absolute_paths(
        self, reads: Iterable[str], writes: Iterable[str]
    ) -> tuple[list[str], list[str]]:
        reading = [os.path.normpath(self._root / path) for path in reads]
        return reading, [str(self._root / path) for path in writes]

    def _refuse_conflicts(self, reading: list[str], writing: list[str]) -> None:
        others = self._claims_of_others()
        self._refuse_claimed(others["write"], [*reading, *writing])
        self._refuse_claimed(others["read"], writing)

    def drop(self, index: RunIndex) -> None:
        """Remove the stage's claims."""
        if self._running.pop(index, None):
            self._write()

    def _refuse_claimed(self, claims: dict[str, Any], paths: list[str]) -> None:
        for path, infos in claims.items():
            for info in infos if isinstance(infos, list) else [infos]:
                if not _is_running(int(info["pid"])):
                    continue
                for own in paths:
                    if own == path or own.startswith(f"{path}/") or path.startswith(f"{own}/"):
                        raise UsageError(
                            f"{path} is in use by process {info['pid']} ({info['cmd']})",
                            "wait for it to end",
                        )

    def _claims_of_others(self) -> dict[str, dict[str, Any]]:
        """Return the claims in the file that belong to other processes."""
        if self._others is None:
            self._others = self._read()
        return self._others

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            text = self._path.read_text(encoding="utf-8")
            claims = json.loads(text or "{}")
            readers = {
                path: [info for info in infos if info != self._info]
                for path, infos in claims.get("read", {}).items()
            }
            writers = claims.get("write", {}).items()
            others = {
                "read": {path: infos for path, infos in readers.items() if infos},
                "write": {path: info for path, info in writers if info != self._info},
            }
            for info in (*others["write"].values(), *chain(*others["read"].values())):
                int(info["pid"]), str(info["cmd"])
        except FileNotFoundError:
            return {"read": {}, "write": {}}
        except _DAMAGED as exc:
            raise UsageError(
                f"{self._path} is damaged", "delete it when no DVC process is running"
            ) from exc
        return others

    def _write(self) -> None:
        others = self._claims_of_others()
        reads = {path: list(infos) for path, infos in others["read"].items()}
        writes = dict(others["write"])
        for reading, writing in self._running.values():
            for path in reading:
                infos = reads.setdefault(path, [])
                if self._info not in infos:
                    infos.append(self._info)
            writes.update(dict.fromkeys(writing, self._info))
        text = json.dumps({"read": reads, "write": writes}).encode()
        # One call that never shortens the file: after a kill, the file holds either the old or the
        # new content, not a part of it.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with named(self._path):
                os.pwrite(file, text.ljust(os.fstat(file).st_size), 0)
        finally:
            os.close(file)


def _is_running(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
