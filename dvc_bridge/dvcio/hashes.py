"""The md5s of files and folders as DVC computes them; a file is read again only if it changes."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from dvc_bridge.dvcio.reading.dvcignore import Filter
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.planning.changes import UndecidedError

# DVC stores the hashes of large files itself: ask DVC before reading one again.
LARGE_BYTES = 1 << 26
# A file modified this recently can change again without a change of its mtime.
YOUNG_NS = 20_000_000
# At the end of a run, up to this many bytes of recently modified files are read again.
AGAIN_BYTES = 1 << 28

Signature = tuple[int, int, int]  # inode, mtime in ns, size


class Hashes:
    """The hashes of one project's files, stored between runs.

    Parameters
    ----------
    store
        The database file, created when needed. Losing it only costs time.
    keep
        The filter for files that a walk over a folder includes.
    """

    def __init__(self, store: Path, keep: Filter) -> None:
        self._store = store
        self._keep = keep
        self._stored: dict[str, tuple[Signature, str]] = {}
        self._unsaved: dict[str, tuple[Signature, str]] = {}
        self._recent: dict[str, tuple[Signature, str]] = {}
        self._database = self._open()

    def pointer(self, path: str, *, large: bool = False) -> Pointer | None:
        """Return what dvc.lock would hold for the file or folder; None if it does not exist.

        Parameters
        ----------
        large
            Also read large files whose hashes are not stored.

        Raises
        ------
        UndecidedError
            Only DVC can decide.
        """
        try:
            info = os.stat(path)  # noqa: PTH116  a string: this runs for every file of a project
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise UndecidedError from exc
        if stat.S_ISDIR(info.st_mode):
            return self._folder(path, large)
        if not stat.S_ISREG(info.st_mode):
            raise UndecidedError
        md5 = self._file(path, info, large)
        pointer: dict[str, object] = {"hash": "md5", "md5": md5, "size": info.st_size}
        if info.st_mode & stat.S_IXUSR:
            pointer["isexec"] = True
        return Pointer(pointer)

    def learn(self, path: str, digest: str) -> None:
        """Take the md5 of a file that DVC has just read, or written from its cache.

        The md5 is used only after `settle` has read the file again and found the same md5, because
        another process can write to the file in the meantime.
        """
        with suppress(OSError):
            self._recent[path] = (signature_of(os.stat(path)), digest)  # noqa: PTH116  as above

    def trust(self, path: str, signature: Signature, digest: str) -> None:
        """Take the md5 that a file had when it had this signature."""
        self._unsaved[path] = (signature, digest)

    def known(self, path: str) -> tuple[Signature, str] | None:
        """Return the signature and md5 of a file as last read; None if they are not certain."""
        return self._unsaved.get(path) or self._stored.get(path)

    def has_changed(self, path: str) -> bool:
        """Return whether a file has changed since its md5 was last asked for."""
        hashed = self._recent.get(path) or self.known(path)
        try:
            return hashed is None or hashed[0] != signature_of(os.stat(path))  # noqa: PTH116
        except OSError:
            return True

    def settle(self) -> None:
        """Read recently modified files again: their mtimes cannot show every change."""
        remaining = AGAIN_BYTES
        for path, (signature, digest) in self._recent.items():
            if signature[2] > remaining:
                continue
            with suppress(OSError):
                info = os.stat(path)  # noqa: PTH116  as above
                is_old = time.time_ns() - info.st_mtime_ns > YOUNG_NS
                if is_old and signature_of(info) == signature and md5_of(path) == digest:
                    self._unsaved[path] = (signature, digest)
                    remaining -= info.st_size
        self._recent.clear()

    def save(self) -> None:
        """Store the hashes, except those of files that can have changed without a new mtime."""
        self.settle()
        if not self._unsaved:
            return
        with suppress(
            sqlite3.Error, OSError
        ):  # the disk is full: the next run reads the files again
            if self._database is None:
                self._store.parent.mkdir(parents=True, exist_ok=True)
                self._database = sqlite3.connect(self._store, timeout=5)
            with self._database as database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS hashes"
                    " (path TEXT PRIMARY KEY, inode INT, mtime_ns INT, size INT, md5 TEXT)"
                    " WITHOUT ROWID"
                )
                database.executemany(
                    "REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)",
                    (
                        (path, *signature, digest)
                        for path, (signature, digest) in self._unsaved.items()
                    ),
                )
            self._stored.update(self._unsaved)
            self._unsaved.clear()

    def _open(self) -> sqlite3.Connection | None:
        if not self._store.exists():
            return None
        with suppress(sqlite3.Error):
            database = sqlite3.connect(self._store, timeout=5)
            rows = database.execute("SELECT path, inode, mtime_ns, size, md5 FROM hashes")
            self._stored = {path: ((ino, mtime, size), md5) for path, ino, mtime, size, md5 in rows}
            return database
        self._store.unlink(missing_ok=True)
        return None

    def _file(self, path: str, info: os.stat_result, large: bool) -> str:
        signature = signature_of(info)
        stored = self.known(path)
        if stored and stored[0] == signature:
            return stored[1]
        if info.st_size > LARGE_BYTES and not large:
            raise UndecidedError
        is_old = time.time_ns() - info.st_mtime_ns > YOUNG_NS  # compute this before reading
        try:
            digest = md5_of(path)
        except OSError as exc:
            raise UndecidedError from exc
        (self._unsaved if is_old else self._recent)[path] = (signature, digest)
        return digest

    def _folder(self, path: str, large: bool) -> Pointer:
        files: dict[str, str] = {}
        size = 0
        for relative, name in self._walk(path):
            if not relative.isascii():
                _check_name(name)
            try:
                info = os.stat(name)  # noqa: PTH116  as above
            except OSError as exc:
                raise UndecidedError from exc
            if not stat.S_ISREG(info.st_mode) or relative.endswith(".dvcignore"):
                raise UndecidedError
            files[relative] = self._file(name, info, large)
            size += info.st_size
        md5 = folder_md5(files)
        return Pointer({"hash": "md5", "md5": md5, "size": size, "nfiles": len(files)})

    def _walk(self, path: str) -> Iterator[tuple[str, str]]:
        skip = len(path) + 1
        for folder, names, files in os.walk(path):
            names[:], included = self._keep(folder, names, files)
            for name in included:
                file = f"{folder}/{name}"
                yield file[skip:], file


def _check_name(path: str) -> None:
    """Refuse a file name that DVC cannot store.

    Raises
    ------
    UsageError
        The name is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        escaped = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UsageError(
            f"the name of {escaped} is not UTF-8, so DVC cannot store it",
            "rename it; for many files: convmv -r -f latin1 -t utf8 --notest FOLDER",
        ) from exc


def signature_of(info: os.stat_result) -> Signature:
    """Return the values that differ after a file has changed."""
    return info.st_ino, info.st_mtime_ns, info.st_size


def folder_md5(files: Mapping[str, str]) -> str:
    """Return DVC's hash (`<md5>.dir`) of a folder with these files, path -> md5."""
    content = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    digest = hashlib.md5(json.dumps(content).encode(), usedforsecurity=False).hexdigest()
    return f"{digest}.dir"


def files_of(folder: bytes) -> dict[str, str]:
    """Return the files of a folder from the bytes of its object: path -> md5."""
    return {item["relpath"]: item["md5"] for item in json.loads(folder)}


def md5_of(path: str | Path) -> str:
    """Return the md5 of a file's bytes."""
    with open(path, "rb") as file:  # noqa: PTH123  most paths are strings
        return hashlib.file_digest(file, _new_md5).hexdigest()


def _new_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
