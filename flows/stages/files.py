"""Files that appear whole or not at all: made in a place beside theirs, flushed, then renamed."""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from .errors import StageError

T = TypeVar("T")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; that file takes the place of `path` when the block ends well."""
    with _place_beside(path) as place:
        part = place / path.name
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of `path` when the block ends well.

    The old folder is renamed, not emptied: a kill in between leaves none at `path`, never half.
    """
    with _place_beside(path) as place:
        part, old = place / "new", place / "old"
        part.mkdir()
        yield part
        with suppress(FileNotFoundError):
            path.replace(old)
        part.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with whole_file(path) as part:
        part.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys and a last newline; NaN is refused."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, shape: type[T]) -> T:
    """Read a JSON file that holds a `shape`, any type that pydantic knows.

    Raises
    ------
    StageError
        The file is not JSON, or its values are of other types: each with its place and value.
    """
    content = path.read_bytes()
    try:
        return TypeAdapter(shape).validate_json(content, strict=True)
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, e['loc'])) or 'content'} = {e['input']!r:.80}: {e['msg']}"
            for e in error.errors()
        ]
        raise StageError(problems, "dvc checkout, or dvc repro") from None


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a small CSV file, for `dvc plots`."""
    lines = [",".join(str(value) for value in line) for line in [header, *rows]]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


@contextmanager
def _place_beside(path: Path) -> Iterator[Path]:
    """Give a new folder on the file system of `path`, locked while in use and removed at the end.

    An error of the system that names no file, or one in that folder, is raised anew with the file
    that was to be. Git ignores the folder by its name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        place = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        lock = os.open(place, os.O_RDONLY)
        try:
            _locked(lock)
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        number = error.errno or errno.EIO
        raise OSError(number, os.strerror(number), str(_final(path, error.filename))) from error


def _remove_leftovers(path: Path) -> None:
    """Remove the places beside `path` of processes that were killed: those that none has locked."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):  # its process has just removed it
            lock = os.open(left, os.O_RDONLY)
            with suppress(BlockingIOError):
                if _locked(lock):
                    shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _locked(place: int) -> bool:
    """Lock a folder that is open; False on a file system that locks no folders, as NFS."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
    return True


def _final(path: Path, named: str | None) -> Path:
    """Give the final path of `named`, which may lie in a place beside `path`."""
    if named is None:
        return path
    parts = Path(named).parts[len(path.parent.parts) :]
    beside = parts and parts[0].startswith(f".{path.name}.") and parts[0].endswith(".part")
    return path.joinpath(*parts[2:]) if beside else Path(named)
