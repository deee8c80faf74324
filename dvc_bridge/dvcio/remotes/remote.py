"""A DVC remote: objects by md5, results of the run cache, and plain files beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.remotes.listing import fault, files_of, inside, run_entry, written_s
from dvc_bridge.errors import BridgeError, LostObjectError, UsageError
from dvc_bridge.pipeline.stage import LockEntry
from dvc_bridge.planning.run_cache_key import run_folder

# Plain files are smaller.
_WHOLE = 2**40


class Remote:
    """One remote of an opened DVC repository.

    Parameters
    ----------
    repo
        DVC's `Repo`.
    name
        Of the remote; None: the default one.
    under
        A folder in it for objects that are to be kept apart; empty: where DVC has its own.

    Raises
    ------
    UsageError
        There is none, or it keeps versions of files instead of objects.
    """

    def __init__(self, repo: Any, name: str | None = None, under: str = "") -> None:
        try:
            remote = repo.cloud.get_remote(name)
            self._fs, self.root = remote.fs, str(remote.path)
            if self._fs.protocol == "s3":
                # A pod opens its remote twice; a second client would cost it a tenth of a second.
                self._fs.fs_args["skip_instance_cache"] = False
            self._odb = _objects_under(remote, under) if under else remote.odb
        except Exception as exc:
            raise UsageError(
                f"the remote cannot be used: {exc}", "dvc remote list; dvc remote default NAME"
            ) from exc
        self.name = str(remote.name)
        self.url = str(self._fs.unstrip_protocol(self.root))
        if self._fs.version_aware or remote.worktree:
            raise UsageError(
                f"remote {self.name} keeps versions of files, not objects",
                "dvc remote add another one without version_aware or worktree",
            )
        self._cache = repo.cache.local

    def has(self, md5s: Iterable[str]) -> set[str]:
        """Return those of the objects that it holds. A `.dir` object comes after its files."""
        asked = list(dict.fromkeys(md5s))
        with self._calls():
            return set(self._odb.oids_exist(asked)) if asked else set()

    def send(self, md5s: Iterable[str], source: Any = None) -> None:
        """Put objects of the local cache there, those of folders after their files.

        Parameters
        ----------
        source
            DVC's object database that has them; None: the cache.

        Raises
        ------
        UsageError
            The cache does not have one of them.
        """
        cache = self._cache if source is None else source
        wanted = set(md5s)
        wanted -= self.has(wanted)
        folders = {md5 for md5 in wanted if md5.endswith(".dir")}
        files = (wanted - folders) | {inner for md5 in folders for inner in inside(cache, md5)}
        files -= self.has(files - wanted)
        for batch in (files, folders):
            if lost := [md5 for md5 in batch if not Path(cache.oid_to_path(md5)).exists()]:
                raise UsageError(
                    f"{', '.join(sorted(lost))}: neither in the cache nor in remote {self.name}",
                    "dvc repro makes the outs anew, or dvc push from where they are",
                )
            self._move(cache, self._odb, batch)

    def fetch(self, md5s: Iterable[str], into: Any = None) -> None:
        """Bring objects into the local cache, folders with their files; every byte is checked.

        Parameters
        ----------
        into
            DVC's object database to be used instead of the cache.

        Raises
        ------
        LostObjectError
            One is missing, or is not what its name says: then it is removed, so that it can be
            made anew. The listing of a folder is removed with its file: it says that all are there.
        """
        cache = self._cache if into is None else into
        wanted = list(md5s)
        self._bring(wanted, cache)
        folders = {md5: list(inside(cache, md5)) for md5 in wanted if md5.endswith(".dir")}
        try:
            self._bring([md5 for held in folders.values() for md5 in held], cache)
        except LostObjectError:
            for md5, held in folders.items():
                if not all(Path(cache.oid_to_path(inner)).exists() for inner in held):
                    self.remove(self._odb.oid_to_path(md5))  # that it is there says: with its files
            raise

    def listing(self, md5: str) -> dict[str, str]:
        """Return the files of a folder object, from the cache or from here: path -> md5."""
        kept = Path(self._cache.oid_to_path(md5))
        text = kept.read_bytes() if kept.exists() else self.get(self._odb.oid_to_path(md5))
        return files_of(text or b"[]")

    def runs(self, key: str) -> list[LockEntry]:
        """Return the results that the run cache has under a key, the newest first."""
        with self._calls():
            files = sorted(self._files(self.path(run_folder(key))), key=written_s, reverse=True)
            texts = [self._fs.cat_file(item["name"]) for item in files]
        return [entry for text in texts if (entry := run_entry(text))]

    def path(self, *parts: str) -> str:
        """Return the path of a plain file in the remote."""
        return str(self._fs.join(self.root, *parts))

    def put(self, path: str, content: bytes) -> None:
        """Write a plain file, whole or not at all."""
        with self._calls():
            if self._fs.protocol == "local":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                unfinished = f"{path}.{os.getpid()}.part"
                Path(unfinished).write_bytes(content)
                Path(unfinished).replace(path)
            else:
                self._fs.pipe_file(path, content)

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """Read a plain file, or a range of its bytes; None: there is none."""
        if start is None and self._fs.protocol == "s3":
            start, end = 0, _WHOLE  # else s3fs asks for the size first
        with self._calls():
            try:
                return bytes(self._fs.fs.cat_file(path, start=start, end=end))
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        """Name what is in a folder, in order; nothing where there is none."""
        with self._calls():
            self._fs.fs.invalidate_cache()
            try:
                return sorted(
                    str(name).rstrip("/").rpartition("/")[2] for name in self._fs.ls(folder)
                )
            except FileNotFoundError:
                return []

    def written(self, folder: str) -> dict[str, float]:
        """Say when each file in a folder was last written, in seconds since 1970, by name."""
        with self._calls():
            files = self._files(folder)
        return {str(item["name"]).rpartition("/")[2]: written_s(item) for item in files}

    def exists(self, path: str) -> bool:
        """Whether there is such a plain file."""
        with self._calls():
            return bool(self._fs.exists(path))

    def remove(self, path: str) -> None:
        """Remove a plain file, or a folder with all in it."""
        with self._calls(), suppress(FileNotFoundError):
            self._fs.rm(path, recursive=True)

    def _files(self, folder: str) -> list[dict[str, Any]]:
        """What is said of the files in a folder; nothing where there is none."""
        self._fs.fs.invalidate_cache()
        try:
            found = self._fs.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        return [item for item in found if item.get("type", "file") == "file"]

    def _bring(self, md5s: Iterable[str], cache: Any) -> None:
        wanted = {md5 for md5 in md5s if not Path(cache.oid_to_path(md5)).exists()}
        self._move(self._odb, cache, wanted, verify=True)
        for md5 in sorted(wanted):
            if Path(cache.oid_to_path(md5)).exists():
                continue
            if self.has([md5]):
                self.remove(self._odb.oid_to_path(md5))
                what = "its bytes are not what its name says; it is removed"
            else:
                what = "it is missing"
            raise LostObjectError(
                md5,
                f"object {md5} of remote {self.name}: {what}",
                "submit again: the stage that made it runs again where its result is lost",
            )

    def _move(self, source: Any, target: Any, md5s: set[str], *, verify: bool = False) -> None:
        failed: dict[str, BaseException] = {}

        def add(order: list[str]) -> None:
            target.add(
                [source.oid_to_path(md5) for md5 in order],
                source.fs,
                order,
                check_exists=False,
                verify=verify,
                on_error=failed.setdefault,
            )

        if order := sorted(md5s):
            with self._calls():
                try:
                    add(order)
                except FileNotFoundError:
                    # DVC stumbles over the second of two if that is missing; over one alone it
                    # does not. What is here already is not checked yet: so all of them again.
                    for md5 in order:
                        add([md5])
        for exc in failed.values():
            if not isinstance(exc, FileNotFoundError):
                raise self._error(exc) from exc

    @contextmanager
    def _calls(self) -> Iterator[None]:
        try:
            yield
        except BridgeError:
            raise
        except Exception as exc:
            raise self._error(exc) from exc

    def _error(self, exc: BaseException) -> BridgeError:
        return fault(f"remote {self.name} ({self.url})", exc)


def _objects_under(remote: Any, folder: str) -> Any:
    from dvc_data.hashfile.db import get_odb  # noqa: PLC0415  the caller has opened DVC

    path = remote.fs.join(remote.path, folder)
    return get_odb(remote.fs, path, hash_name="md5", **remote.config)
