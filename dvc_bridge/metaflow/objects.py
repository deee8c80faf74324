"""Read files from DVC's cache by md5; every byte is checked against its hash."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

import yaml

from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.errors import IntegrityError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer
from dvc_bridge.planning.run_cache_key import StageSpec, entry_key, run_folder

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def hash_file(path: Path) -> Pointer:
    """Return the pointer of a file as DVC writes it into dvc.lock."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    info = path.stat()
    pointer = {"hash": "md5", "md5": digest.hexdigest(), "size": info.st_size}
    return Pointer({**pointer, "isexec": True} if info.st_mode & 0o100 else pointer)


def members(cache: Path, pointer: Pointer) -> list[tuple[str, str]]:
    """Return (path inside, md5) for each file of a folder; a single file has the path "".

    Raises
    ------
    IntegrityError
        The content of the folder's list does not match its hash.
    FileNotFoundError
        The list is not in the cache.
    """
    md5 = pointer["md5"]
    if not md5.endswith(".dir"):
        return [("", md5)]
    return [(item["relpath"], item["md5"]) for item in json.loads(_read_object(cache, md5))]


def in_cache(cache: Path, pointer: Pointer) -> bool:
    """Return whether a file, or all files of a folder, are in the cache."""
    try:
        return all(_object_path(cache, md5).exists() for _, md5 in members(cache, pointer))
    except FileNotFoundError:
        return False


def bring(cache: Path, pointer: Pointer, target: Path) -> None:
    """Copy a file or folder from the cache to `target`.

    Raises
    ------
    IntegrityError
        An object is missing, or its content does not match its md5.
    """
    try:
        for inside, md5 in members(cache, pointer):
            _copy_object(_object_path(cache, md5), md5, target / inside if inside else target)
    except FileNotFoundError as error:
        raise _missing_error(error) from None
    if pointer.get("isexec"):
        target.chmod(target.stat().st_mode | 0o111)


def check_cached(cache: Path, pointer: Pointer) -> None:
    """Check the objects of a file or folder that are in the cache; missing objects are not errors.

    Raises
    ------
    IntegrityError
        The content of an object does not match its md5.
    """
    with suppress(FileNotFoundError):
        for _, md5 in members(cache, pointer):
            source = _object_path(cache, md5)
            if source.exists() and hash_file(source)["md5"] != md5:
                raise _damaged_error(source)


def read_file(cache: Path, pointer: Pointer) -> bytes:
    """Read a file from the cache; raises the same errors as `bring`."""
    try:
        return _read_object(cache, pointer["md5"])
    except FileNotFoundError as error:
        raise _missing_error(error) from None


def find(cache: Path, outs: dict[str, Pointer], path: str) -> Pointer | None:
    """Return the pointer of `path`, which is an out or a file inside a folder out.

    Raises
    ------
    IntegrityError
        The folder's list is missing or damaged, or the file inside is missing.
    """
    if path in outs:
        return outs[path]
    try:
        for parent in filter(outs.__contains__, map(str, PurePosixPath(path).parents)):
            for inside, md5 in members(cache, outs[parent]):
                if f"{parent}/{inside}" == path:
                    size = _object_path(cache, md5).stat().st_size
                    return Pointer({"hash": "md5", "md5": md5, "size": size})
    except FileNotFoundError as error:
        raise _missing_error(error) from None
    return None


def known_entries(cache: Path, spec: StageSpec, key: str) -> Iterator[LockEntry]:
    """Yield the entries of earlier runs with this key: dvc.lock first, then the newest run."""
    if _is_complete(spec["lock"], spec) and entry_key(spec["lock"]) == key:
        yield spec["lock"]
    folder = cache / run_folder(key)
    if not folder.is_dir():
        return
    runs = [f for f in folder.iterdir() if re.fullmatch("[0-9a-f]{64}", f.name)]
    for file in sorted(runs, key=lambda f: f.stat().st_mtime, reverse=True):
        entry = None
        with suppress(yaml.YAMLError, ValueError):
            entry = yaml.safe_load(file.read_text(encoding="utf-8"))
        if _is_complete(entry, spec):
            yield entry


def _is_complete(entry: Any, spec: StageSpec) -> TypeGuard[LockEntry]:
    """Return whether an entry is a complete result; DVC also ignores others in the run cache."""
    if not isinstance(entry, dict) or not {"cmd", "outs"} <= entry.keys():
        return False
    outs = entry["outs"] if isinstance(entry["outs"], list) else []
    md5s = {str(o.get("path")): str(o.get("md5")) for o in outs if isinstance(o, dict)}
    return md5s.keys() == set(spec["outs"]) and all(_MD5.fullmatch(md5) for md5 in md5s.values())


def _object_path(cache: Path, md5: str) -> Path:
    return cache / object_path(md5)


def _read_object(cache: Path, md5: str) -> bytes:
    source = _object_path(cache, md5)
    content = source.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.removesuffix(".dir"):
        raise _damaged_error(source)
    return content


def _copy_object(source: Path, md5: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if hash_file(target)["md5"] != md5:
        raise _damaged_error(source)


def _missing_error(error: FileNotFoundError) -> IntegrityError:
    return IntegrityError(f"{error.filename} is not in the cache", "dvc pull")


def _damaged_error(source: Path) -> IntegrityError:
    return IntegrityError(
        f"{source}: the content does not match the hash in the name",
        "delete it, then `dvc pull` or run again",
    )
