"""md5s of files and folders as DVC counts them, each file read once until it changes."""

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

from dvc_bridge.dvcio.reading.discovery import Filter
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import Pointer
from dvc_bridge.planning.changes import UndecidedError

# DVC remembers the hashes of large files itself: it is asked before one is read again.
LARGE_BYTES = 1 << 26
# A file this young could change once more without its time changing.
YOUNG_NS = 20_000_000
# So much is read again at the end of a run, to be remembered although it was young.
AGAIN_BYTES = 1 << 28

Signature = tuple[int, int, int]  # inode, mtime in ns, size


class Hashes:
    """The hashes of one project's files, remembered between runs.

    Parameters
    ----------
    store
        The file that remembers, made when needed; losing it costs time only.
    keep
        What a walk over a folder leaves out.
    """

    def __init__(self, store: Path, keep: Filter) -> None:
        self._store = store
        self._keep = keep
        self._known: dict[str, tuple[Signature, str]] = {}
        self._fresh: dict[str, tuple[Signature, str]] = {}
        self._young: dict[str, tuple[Signature, str]] = {}
        self._database = self._open()

    def pointer(self, path: str, *, large: bool = False) -> Pointer | None:
        """Return what dvc.lock would say of the file or folder; None if there is none.

        Parameters
        ----------
        large
            Read large files too that are not remembered.

        Raises
        ------
        UndecidedError
            Only DVC can say.
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
        pointer = {"hash": "md5", "md5": self._file(path, info, large), "size": info.st_size}
        return {**pointer, "isexec": True} if info.st_mode & stat.S_IXUSR else pointer

    def learn(self, path: str, digest: str) -> None:
        """Take the md5 of a file that DVC has just read, or written from its cache.

        It is believed when the file, read once more, has it: somebody may have written meanwhile.
        """
        with suppress(OSError):
            self._young[path] = (signature_of(os.stat(path)), digest)  # noqa: PTH116  as above

    def trust(self, path: str, signature: Signature, digest: str) -> None:
        """Take the md5 that a file had when it had this signature."""
        self._fresh[path] = (signature, digest)

    def known(self, path: str) -> tuple[Signature, str] | None:
        """Return the signature and md5 of a file as last read; None: not known beyond doubt."""
        return self._fresh.get(path) or self._known.get(path)

    def settle(self) -> None:
        """Read again what was so young that it could have changed unseen."""
        left = AGAIN_BYTES
        for path, (signature, digest) in self._young.items():
            if signature[2] > left:
                continue
            with suppress(OSError):
                info = os.stat(path)  # noqa: PTH116  as above
                old = time.time_ns() - info.st_mtime_ns > YOUNG_NS
                if old and signature_of(info) == signature and md5_of(path) == digest:
                    self._fresh[path] = (signature, digest)
                    left -= info.st_size
        self._young.clear()

    def save(self) -> None:
        """Remember what was read, but for files that could have changed unseen since."""
        self.settle()
        if not self._fresh:
            return
        with suppress(sqlite3.Error, OSError):  # a disk without room: it is read again next time
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
                    ((path, *known, digest) for path, (known, digest) in self._fresh.items()),
                )
            self._known.update(self._fresh)
            self._fresh.clear()

    def _open(self) -> sqlite3.Connection | None:
        if not self._store.exists():
            return None
        with suppress(sqlite3.Error):
            database = sqlite3.connect(self._store, timeout=5)
            rows = database.execute("SELECT path, inode, mtime_ns, size, md5 FROM hashes")
            self._known = {path: ((ino, mtime, size), md5) for path, ino, mtime, size, md5 in rows}
            return database
        self._store.unlink(missing_ok=True)
        return None

    def _file(self, path: str, info: os.stat_result, large: bool) -> str:
        signature = signature_of(info)
        known = self._fresh.get(path) or self._known.get(path)
        if known and known[0] == signature:
            return known[1]
        if info.st_size > LARGE_BYTES and not large:
            raise UndecidedError
        is_old = time.time_ns() - info.st_mtime_ns > YOUNG_NS  # before it is read
        try:
            digest = md5_of(path)
        except OSError as exc:
            raise UndecidedError from exc
        (self._fresh if is_old else self._young)[path] = (signature, digest)
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
        return {"hash": "md5", "md5": folder_md5(files), "size": size, "nfiles": len(files)}

    def _walk(self, path: str) -> Iterator[tuple[str, str]]:
        skip = len(path) + 1
        for folder, names, files in os.walk(path):
            names[:], found = self._keep(folder, names, files)
            for name in found:
                file = f"{folder}/{name}"
                yield file[skip:], file


def _check_name(path: str) -> None:
    """Refuse a file's name that DVC cannot keep.

    Raises
    ------
    UsageError
        It is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        shown = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UsageError(
            f"the name of {shown} is not UTF-8, and DVC cannot keep it",
            "rename it: convmv -r -f latin1 -t utf8 --notest FOLDER does it for many",
        ) from exc


def signature_of(info: os.stat_result) -> Signature:
    """Return what tells that a file has changed."""
    return info.st_ino, info.st_mtime_ns, info.st_size


def folder_md5(files: Mapping[str, str]) -> str:
    """Return what DVC calls a folder of these files, path -> md5."""
    content = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    digest = hashlib.md5(json.dumps(content).encode(), usedforsecurity=False).hexdigest()
    return f"{digest}.dir"


def md5_of(path: str | Path) -> str:
    """Return the md5 of a file's bytes."""
    with open(path, "rb") as file:  # noqa: PTH123  mostly strings
        return hashlib.file_digest(file, _new_md5).hexdigest()


def _new_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
