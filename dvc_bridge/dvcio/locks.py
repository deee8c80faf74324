"""The two locks by which DVC's processes keep out of each other's way.

The repository's lock is held while anything of DVC is read or written, and let go while commands
run, so that a command may call dvc. What a running command reads and writes is noted in
`.dvc/tmp/rwlock` (dvc/rwlock.py): a second DVC that wants the same paths is refused.
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

# As long as DVC itself waits for another process.
START_S = 3.0
POLL_S = 0.05
# What a file raises that is not as DVC writes it.
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
    """The lock without which nobody uses the repository, as this project's DVC takes it."""

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
            Another DVC process has it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._take(START_S)
        try:
            yield
        finally:
            self._lock.drop()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have it for a while; a dvc that a stage calls may keep it for long."""
        self._lock.drop()
        try:
            yield
        finally:
            self._take(math.inf)

    def _take(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._lock.take():
            if time.monotonic() > until:
                raise UsageError(
                    f"another DVC process holds {self._path}{_holder(self._path)}",
                    "wait for it to end",
                )
            time.sleep(POLL_S)


class _Flock:
    """zc.lockfile's way, with the file kept open: whoever has an flock on it has the lock."""

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
        with suppress(OSError):  # for others to read only; a full disk is no reason to stop
            os.pwrite(self._file, f"{os.getpid():>10}\n".encode(), 0)
        return True

    def drop(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)


class _Hardlink:
    """The way for file systems without locks (core.hardlink_lock), by DVC's own class."""

    def __init__(self, path: Path) -> None:
        from dvc.lock import make_lock  # noqa: PLC0415  only where it is asked for

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
    """What this run's commands read and write just now, for other DVC processes to see."""

    def __init__(self, project: Project) -> None:
        self._path = project.tmp / "rwlock"
        self._root = project.root
        self._info = {"pid": os.getpid(), "cmd": "dvc-bridge repro"}
        self._running: dict[int, tuple[list[str], list[str]]] = {}
        self._known: dict[str, dict[str, Any]] | None = None

    def check(self, reads: Iterable[str], writes: Iterable[str]) -> None:
        """Check that no other process uses these paths, from the root.

        The answer holds as long as the repository's lock is held.

        Raises
        ------
        UsageError
            A living process has claimed one of them.
        """
        if any(self._others().values()):
            self._compare(*self._paths(reads, writes))

    def forget_others(self) -> None:
        """The repository's lock was let go: others may have claimed something."""
        self._known = None

    def take(self, position: int, reads: Iterable[str], writes: Iterable[str]) -> None:
        """Note paths from the root for a stage that starts; call with the repository's lock held.

        Raises
        ------
        UsageError
            A living process has claimed one of them.
        """
        paths = self._paths(reads, writes)
        self._compare(*paths)
        self._running[position] = paths
        try:
            self._write()
        except OSError:
            del self._running[position]
            raise

    def _paths(self, reads: Iterable[str], writes: Iterable[str]) -> tuple[list[str], list[str]]:
        reading = [os.path.normpath(self._root / at) for at in reads]
        return reading, [str(self._root / at) for at in writes]

    def _compare(self, reading: list[str], writing: list[str]) -> None:
        others = self._others()
        self._check(others["write"], [*reading, *writing])
        self._check(others["read"], writing)

    def drop(self, position: int) -> None:
        """Take the stage's notes back."""
        if self._running.pop(position, None):
            self._write()

    def _check(self, claimed: dict[str, Any], paths: list[str]) -> None:
        for path, infos in claimed.items():
            for info in infos if isinstance(infos, list) else [infos]:
                if not _lives(int(info["pid"])):
                    continue
                for mine in paths:
                    if mine == path or mine.startswith(f"{path}/") or path.startswith(f"{mine}/"):
                        raise UsageError(
                            f"{path} is in use by process {info['pid']} ({info['cmd']})",
                            "wait for it to end",
                        )

    def _others(self) -> dict[str, dict[str, Any]]:
        """What the file says of processes other than this one."""
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            text = self._path.read_text(encoding="utf-8")
            found = json.loads(text or "{}")
            readers = {
                path: [info for info in infos if info != self._info]
                for path, infos in found.get("read", {}).items()
            }
            writers = found.get("write", {}).items()
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
                f"{self._path} is damaged", "delete it when no DVC process runs"
            ) from exc
        return others

    def _write(self) -> None:
        others = self._others()
        reads = {path: list(infos) for path, infos in others["read"].items()}
        writes = dict(others["write"])
        for reading, writing in self._running.values():
            for path in reading:
                infos = reads.setdefault(path, [])
                if self._info not in infos:
                    infos.append(self._info)
            writes.update(dict.fromkeys(writing, self._info))
        text = json.dumps({"read": reads, "write": writes}).encode()
        # One call, never shorter than before: a kill leaves what was or what is, no half of it.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with named(self._path):
                os.pwrite(file, text.ljust(os.fstat(file).st_size), 0)
        finally:
            os.close(file)


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
