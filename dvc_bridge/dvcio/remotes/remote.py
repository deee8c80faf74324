"""A DVC remote: objects by md5, entries of the run cache, and plain files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.hashes import files_of
from dvc_bridge.dvcio.remotes.byte_progress import Progress, byte_callback
from dvc_bridge.dvcio.remotes.errors import remote_error
from dvc_bridge.dvcio.remotes.listing import inside, run_entry, written_s
from dvc_bridge.errors import BridgeError, IntegrityError, LostObjectError, UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.planning.run_cache_key import run_folder

# No plain file is larger.
_WHOLE = 2**40


class VersionedRemoteError(UsageError):
    """The remote stores versions of files instead of objects."""


class Remote:
    """One remote of an opened DVC repository.

    Parameters
    ----------
    repo
        DVC's `Repo`.
    name
        The name of the remote; None for the default remote.
    folder
        A folder in the remote for objects to keep apart from DVC's; empty: DVC's own location.

    Attributes
    ----------
    pulled_bytes, pushed_bytes
        The size of the objects that were downloaded and uploaded.

    Raises
    ------
    UsageError
        The remote does not exist.
    VersionedRemoteError
        The remote stores versions of files instead of objects.
    """

    def __init__(self, repo: Any, name: str | None = None, folder: str = "") -> None:
        try:
            remote = repo.cloud.get_remote(name)
            self._fs, self.root = remote.fs, str(remote.path)
            if self._fs.protocol == "s3":
                # A pod opens its remote twice; creating a second client takes a tenth of a second.
                self._fs.fs_args["skip_instance_cache"] = False
            self._odb = _open_objects(remote, folder) if folder else remote.odb
        except Exception as exc:
            raise UsageError(
                f"cannot open the remote: {exc}", "dvc remote list; dvc remote default NAME"
            ) from exc
        self.name = str(remote.name)
        self.url = str(self._fs.unstrip_protocol(self.root))
        if self._fs.version_aware or remote.worktree:
            raise VersionedRemoteError(
                f"remote {self.name} stores versions of files, not objects",
                "add a remote without version_aware or worktree: dvc remote add",
            )
        self._cache = repo.cache.local
        self.pulled_bytes = self.pushed_bytes = 0

    def has(self, md5s: Iterable[str]) -> set[str]:
        """Return the objects that the remote holds; a `.dir` object implies its files."""
        unique = list(dict.fromkeys(md5s))
        with self._convert_errors():
            return set(self._odb.oids_exist(unique)) if unique else set()

    def send(self, md5s: Iterable[str], source: Any = None) -> None:
        """Upload objects of the local cache; upload the object of a folder after its files.

        Parameters
        ----------
        source
            DVC's object database that has the objects; None for the cache.

        Raises
        ------
        UsageError
            An object is neither in the cache nor in the remote.
        """
        cache = self._cache if source is None else source
        wanted = set(md5s)
        wanted -= self.has(wanted)
        folders = {md5 for md5 in wanted if md5.endswith(".dir")}
        files = (wanted - folders) | {inner for md5 in folders for inner in inside(cache, md5)}
        files -= self.has(files - wanted)
        for batch in (files, folders):
            if missing := [md5 for md5 in batch if not Path(cache.oid_to_path(md5)).exists()]:
                raise UsageError(
                    f"{', '.join(sorted(missing))}: neither in the cache nor in remote {self.name}",
                    "run dvc repro to create the outs again, or dvc push where they exist",
                )
            self._copy(cache, self._odb, batch)
            self.pushed_bytes += _size(cache, batch)

    def fetch(self, md5s: Iterable[str], target: Any = None) -> None:
        """Download objects into the local cache, folders with their files, and verify every byte.

        Parameters
        ----------
        target
            DVC's object database to use instead of the cache.

        Raises
        ------
        LostObjectError
            An object is missing or damaged. A damaged object is removed, so that its stage can
            create it again. The object of its folder is removed too, because it implies that all
            files exist.
        """
        cache = self._cache if target is None else target
        wanted = list(md5s)
        self._download(wanted, cache)
        folders = {md5: list(inside(cache, md5)) for md5 in wanted if md5.endswith(".dir")}
        try:
            self._download([inner for files in folders.values() for inner in files], cache)
        except LostObjectError:
            for md5, files in folders.items():
                if not all(Path(cache.oid_to_path(inner)).exists() for inner in files):
                    self.remove(self._odb.oid_to_path(md5))  # it implies that all files exist
            raise

    def pull(self, md5s: Iterable[str], progress: Progress) -> int:
        """Download single objects into the cache, verify them, and return their size in bytes.

        Unlike `fetch`, this leaves out objects that the remote lacks, and never changes the remote.

        Raises
        ------
        IntegrityError
            The bytes of an object do not match its name; the cache does not keep it.
        """
        missing = {md5 for md5 in md5s if not self._is_cached(md5)}
        lacking = self._copy(self._odb, self._cache, missing, verify=True, progress=progress)
        if damaged := [md5 for md5 in sorted(missing - lacking) if not self._is_cached(md5)]:
            problem = "its bytes do not match its name"
            raise IntegrityError(
                "\n".join(f"object {md5} of remote {self.name}: {problem}" for md5 in damaged),
                "remove it from the remote, and run dvc push where the data are",
            )
        return sum(Path(self._cache.oid_to_path(md5)).stat().st_size for md5 in missing - lacking)

    def _is_cached(self, md5: str) -> bool:
        return Path(self._cache.oid_to_path(md5)).exists()

    def listing(self, md5: str) -> dict[str, str]:
        """Return the files of a folder object, from the cache or the remote: path -> md5."""
        cached = Path(self._cache.oid_to_path(md5))
        text = cached.read_bytes() if cached.exists() else self.get(self._odb.oid_to_path(md5))
        return files_of(text or b"[]")

    def runs(self, key: str) -> list[LockEntry]:
        """Return the run-cache entries under a key, newest first."""
        with self._convert_errors():
            files = sorted(self._files(self.path(run_folder(key))), key=written_s, reverse=True)
            texts = [self._fs.cat_file(item["name"]) for item in files]
        return [entry for text in texts if (entry := run_entry(text))]

    def path(self, *parts: str) -> str:
        """Return the path of a plain file in the remote."""
        return str(self._fs.join(self.root, *parts))

    def put(self, path: str, content: bytes) -> None:
        """Write a plain file atomically."""
        with self._convert_errors():
            if self._fs.protocol == "local":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                partial = Path(f"{path}.{os.getpid()}.part")
                partial.write_bytes(content)
                partial.replace(path)
            elif self._fs.protocol == "ssh":  # it writes into the file
                partial_path = f"{path}.{secrets.token_hex(4)}.part"
                self._fs.pipe_file(partial_path, content)
                self._fs.fs.mv(partial_path, path)
            else:
                self._fs.pipe_file(path, content)

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """Read a plain file, or a range of its bytes; None if the file does not exist."""
        if start is None and self._fs.protocol == "s3":
            start, end = 0, _WHOLE  # without a range, s3fs requests the size first
        with self._convert_errors():
            try:
                content = bytes(self._fs.fs.cat_file(path, start=start, end=end))
            except FileNotFoundError:
                return None
        # sshfs, and HTTP servers that do not know ranges, return the whole file.
        is_whole = start is not None and end is not None and len(content) > end - start
        return content[start:end] if is_whole else content

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; empty if the folder does not exist."""
        with self._convert_errors():
            self._fs.fs.invalidate_cache()
            try:
                return sorted(
                    str(name).rstrip("/").rpartition("/")[2] for name in self._fs.ls(folder)
                )
            except FileNotFoundError:
                return []

    def written(self, folder: str) -> dict[str, float]:
        """Return the modification time of each file in a folder: name -> seconds since 1970."""
        with self._convert_errors():
            files = self._files(folder)
        return {str(item["name"]).rpartition("/")[2]: written_s(item) for item in files}

    def exists(self, path: str) -> bool:
        """Return whether a plain file exists."""
        with self._convert_errors():
            return bool(self._fs.exists(path))

    def remove(self, path: str) -> None:
        """Remove a plain file, or a folder with its content."""
        with self._convert_errors(), suppress(FileNotFoundError):
            self._fs.rm(path, recursive=True)

    def _files(self, folder: str) -> list[dict[str, Any]]:
        """Return the listing of the files in a folder; empty if the folder does not exist."""
        self._fs.fs.invalidate_cache()
        try:
            items = self._fs.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        return [item for item in items if item.get("type", "file") == "file"]

    def _download(self, md5s: Iterable[str], cache: Any) -> None:
        missing = {md5 for md5 in md5s if not Path(cache.oid_to_path(md5)).exists()}
        self._copy(self._odb, cache, missing, verify=True)
        self.pulled_bytes += _size(cache, missing)
        for md5 in sorted(missing):
            if Path(cache.oid_to_path(md5)).exists():
                continue
            if self.has([md5]):
                self.remove(self._odb.oid_to_path(md5))
                problem = "its bytes do not match its name; it is removed"
            else:
                problem = "it is missing"
            raise LostObjectError(
                md5,
                f"object {md5} of remote {self.name}: {problem}",
                "submit again: its stage runs again if its result is lost",
            )

    def _copy(
        self,
        source: Any,
        target: Any,
        md5s: set[str],
        *,
        verify: bool = False,
        progress: Progress | None = None,
    ) -> set[str]:
        """Copy objects between databases, and return those that the source lacks."""
        errors: dict[str, BaseException] = {}
        callback = byte_callback(progress)

        def add(order: list[str]) -> None:
            target.add(
                [source.oid_to_path(md5) for md5 in order],
                source.fs,
                order,
                callback=callback,
                check_exists=False,
                verify=verify,
                on_error=errors.setdefault,
            )

        if order := sorted(md5s):
            with self._convert_errors():
                try:
                    add(order)
                except FileNotFoundError:
                    # DVC raises this if the second of two objects is missing, but not for a single
                    # object. Objects that have arrived are not verified yet, so copy all again.
                    for md5 in order:
                        add([md5])
        for exc in errors.values():
            if not isinstance(exc, FileNotFoundError):
                raise self._error(exc) from exc
        return set(errors)

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        try:
            yield
        except BridgeError:
            raise
        except Exception as exc:
            raise self._error(exc) from exc

    def _error(self, exc: BaseException) -> BridgeError:
        return remote_error(f"remote {self.name} ({self.url})", exc)


def _size(cache: Any, md5s: Iterable[str]) -> int:
    """Return the size of those of the objects that a local database has."""
    total = 0
    for md5 in md5s:
        with suppress(FileNotFoundError):
            total += Path(cache.oid_to_path(md5)).stat().st_size
    return total


def _open_objects(remote: Any, folder: str) -> Any:
    from dvc_data.hashfile.db import get_odb  # noqa: PLC0415  the caller has opened DVC

    path = remote.fs.join(remote.path, folder)
    return get_odb(remote.fs, path, hash_name="md5", **remote.config)
