"""What a remote's files, listings and faults mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.hashes import folder_md5
from dvc_bridge.dvcio.reading.yaml12 import parse
from dvc_bridge.errors import BridgeError, RemoteRefusedError, StorageError, UsageError
from dvc_bridge.pipeline.stage import LockEntry, Pointer

# Not worth another try: the same call gives the same answer.
_FINAL = ("NoCredentials", "CredentialRetrieval", "ParamValidation", "InvalidAccessKey", "Config")
_ACCESS = (
    "correct its credentials (here: the environment or .dvc/config.local; for pods: the Secret that"
    " argo.secrets names), and see that the bucket is there"
)


def files_of(folder: bytes) -> dict[str, str]:
    """Return the files of a folder by the bytes of its object: path -> md5."""
    return {item["relpath"]: item["md5"] for item in json.loads(folder)}


def inside(cache: Any, md5: str) -> Iterator[str]:
    """Return the md5s of a folder's files by its object in a cache; nothing if it is not there."""
    with suppress(OSError):
        yield from files_of(Path(cache.oid_to_path(md5)).read_bytes()).values()


def holds(cache: Any, md5: str, lost: str) -> bool:
    """Whether an object is the lost one, or a folder that the cache has and that names it."""
    if md5 == lost:
        return True
    listed = md5.endswith(".dir") and Path(cache.oid_to_path(md5)).exists()
    return listed and lost in inside(cache, md5)


def part_of(files: Mapping[str, str], at: str) -> Pointer | None:
    """Return a file or folder within a folder as a dep would see it, but for its size.

    Parameters
    ----------
    files
        Of the folder: path -> md5.
    """
    if at in files:
        return {"hash": "md5", "md5": files[at]}
    held = {p.removeprefix(f"{at}/"): md5 for p, md5 in files.items() if p.startswith(f"{at}/")}
    return {"hash": "md5", "md5": folder_md5(held)} if held else None


def written_s(item: dict[str, Any]) -> float:
    """Return when a file of a listing was last written, in seconds since 1970."""
    when = item.get("LastModified") or item.get("last_modified") or item.get("mtime") or 0.0
    stamp: Callable[[], float] | None = getattr(when, "timestamp", None)
    return stamp() if stamp else float(when)


def run_entry(text: bytes) -> LockEntry | None:
    """Read an entry of the run cache; None: it is none."""
    with suppress(UsageError, UnicodeDecodeError):
        value = parse(text.decode(), "an entry of the run cache")
        return value if isinstance(value, dict) and "cmd" in value else None
    return None


def fault(where: str, exc: BaseException) -> BridgeError:
    """Return what a call to a remote has met as one of our errors.

    Parameters
    ----------
    where
        The remote, for the message.
    """
    said = f"{where}: {type(exc).__name__}: {exc}"
    if isinstance(exc, PermissionError) or any(word in said for word in _FINAL):
        return RemoteRefusedError(said, _ACCESS)
    if isinstance(exc, FileNotFoundError):
        return RemoteRefusedError(said, "make the bucket, or correct the remote's url")
    return StorageError(said, "see that it can be reached from here; then the same again")
