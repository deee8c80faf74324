"""Files by their md5, out of DVC's cache; every byte is checked on the way."""

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

from dvc_bridge.errors import IntegrityError
from dvc_bridge.planning.run_cache_key import LockEntry, Pointer, StageSpec, entry_key, run_folder

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def hash_file(path: Path) -> Pointer:
    """Return the pointer of a file as DVC writes it into dvc.lock."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    info = path.stat()
    pointer: Pointer = {"hash": "md5", "md5": digest.hexdigest(), "size": info.st_size}
    return {**pointer, "isexec": True} if info.st_mode & 0o100 else pointer


def members(cache: Path, pointer: Pointer) -> list[tuple[str, str]]:
    """Return (path inside, md5) of the files of a folder; a file alone has the path "".

    Raises
    ------
    IntegrityError
        The folder's list is not what its name says.
    FileNotFoundError
        It is not in the cache.
    """
    md5 = pointer["md5"]
    if not md5.endswith(".dir"):
        return [("", md5)]
    return [(item["relpath"], item["md5"]) for item in json.loads(_content(cache, md5))]


def in_cache(cache: Path, pointer: Pointer) -> bool:
    """Say whether all the files of a file or folder are in the cache."""
    try:
        return all(_object(cache, md5).exists() for _, md5 in members(cache, pointer))
    except FileNotFoundError:
        return False


def bring(cache: Path, pointer: Pointer, target: Path) -> None:
    """Copy a file or folder out of the cache to `target`.

    Raises
    ------
    IntegrityError
        An object is missing, or its bytes are not what its md5 says.
    """
    try:
        for inside, md5 in members(cache, pointer):
            _copy(_object(cache, md5), md5, target / inside if inside else target)
    except FileNotFoundError as error:
        raise _missing(error) from None
    if pointer.get("isexec"):
        target.chmod(target.stat().st_mode | 0o111)


def check_cached(cache: Path, pointer: Pointer) -> None:
    """Read what the cache holds of a file or folder; what is missing there is no fault.

    Raises
    ------
    IntegrityError
        The bytes of an object are not what its md5 says.
    """
    with suppress(FileNotFoundError):
        for _, md5 in members(cache, pointer):
            source = _object(cache, md5)
            if source.exists() and hash_file(source)["md5"] != md5:
                raise _damaged(source)


def read_file(cache: Path, pointer: Pointer) -> bytes:
    """Read a file that is in the cache; the errors are those of `bring`."""
    try:
        return _content(cache, pointer["md5"])
    except FileNotFoundError as error:
        raise _missing(error) from None


def find(cache: Path, outs: dict[str, Pointer], path: str) -> Pointer | None:
    """Return the pointer of `path`: an out, or a file inside an out that is a folder.

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
                    return {"hash": "md5", "md5": md5, "size": _object(cache, md5).stat().st_size}
    except FileNotFoundError as error:
        raise _missing(error) from None
    return None


def known_entries(cache: Path, spec: StageSpec, key: str) -> Iterator[LockEntry]:
    """Return what earlier runs with this key left: dvc.lock's entry first, then the newest run."""
    if _is_whole(spec["lock"], spec) and entry_key(spec["lock"]) == key:
        yield spec["lock"]
    folder = cache / run_folder(key)
    if not folder.is_dir():
        return
    runs = [f for f in folder.iterdir() if re.fullmatch("[0-9a-f]{64}", f.name)]
    for file in sorted(runs, key=lambda f: f.stat().st_mtime, reverse=True):
        entry = None
        with suppress(yaml.YAMLError, ValueError):
            entry = yaml.safe_load(file.read_text(encoding="utf-8"))
        if _is_whole(entry, spec):
            yield entry


def _is_whole(entry: Any, spec: StageSpec) -> TypeGuard[LockEntry]:
    """Tell whether an entry is what a stage left: DVC passes over others in the run cache too."""
    if not isinstance(entry, dict) or not {"cmd", "outs"} <= entry.keys():
        return False
    outs = entry["outs"] if isinstance(entry["outs"], list) else []
    md5s = {str(o.get("path")): str(o.get("md5")) for o in outs if isinstance(o, dict)}
    return md5s.keys() == set(spec["outs"]) and all(_MD5.fullmatch(md5) for md5 in md5s.values())


def _object(cache: Path, md5: str) -> Path:
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def _content(cache: Path, md5: str) -> bytes:
    source = _object(cache, md5)
    content = source.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.removesuffix(".dir"):
        raise _damaged(source)
    return content


def _copy(source: Path, md5: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if hash_file(target)["md5"] != md5:
        raise _damaged(source)


def _missing(error: FileNotFoundError) -> IntegrityError:
    return IntegrityError(f"{error.filename} is not in the cache", "dvc pull")


def _damaged(source: Path) -> IntegrityError:
    return IntegrityError(
        f"{source}: its bytes are not what its name says", "delete it, then `dvc pull` or run again"
    )
