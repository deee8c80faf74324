"""Read files from DVC's cache by md5; every byte is checked against its hash.

DVC can do the same, except for the check. A Metaflow step that only reads results must not wait
half a second until DVC is imported, so this module does without it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.dvcio.hashes import files_of, md5_of
from dvc_bridge.errors import IntegrityError
from dvc_bridge.pipeline.lock_entry import Pointer


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
    return list(files_of(_read_object(cache, md5)).items())


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
            if source.exists() and md5_of(source) != md5:
                raise _damaged_error(source)


def read_file(cache: Path, pointer: Pointer) -> bytes:
    """Read a file from the cache; raises the same errors as `bring`."""
    try:
        return _read_object(cache, pointer["md5"])
    except FileNotFoundError as error:
        raise _missing_error(error) from None


def find(cache: Path, outs: Mapping[str, Pointer], path: str) -> Pointer | None:
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
    if md5_of(target) != md5:
        raise _damaged_error(source)


def _missing_error(error: FileNotFoundError) -> IntegrityError:
    return IntegrityError(f"{error.filename} is not in the cache", "dvc pull")


def _damaged_error(source: Path) -> IntegrityError:
    return IntegrityError(
        f"{source}: the content does not match the hash in the name",
        "delete it, then `dvc pull` or run again",
    )
