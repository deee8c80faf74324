"""Atomic writes: to a temporary folder next to the target, flushed, then renamed."""

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

from flows.errors import StageError

T = TypeVar("T")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; that file replaces `path` when the block ends without an error."""
    with _temporary_folder(path) as folder:
        part = folder / path.name
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder; it replaces `path` when the block ends without an error.

    The old folder is renamed, not emptied. So a kill between the two renames leaves no folder at
    `path`, but never an incomplete one.
    """
    with _temporary_folder(path) as folder:
        part, old = folder / "new", folder / "old"
        part.mkdir()
        yield part
        with suppress(FileNotFoundError):
            path.replace(old)
        part.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_file(path) as part:
        part.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys and a final newline; NaN is an error."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, shape: type[T]) -> T:
    """Read a JSON file whose contents are of type `shape`, any type that pydantic supports.

    Raises
    ------
    StageError
        The file is not JSON, or values have other types: each with its location and value.
    """
    content = path.read_bytes()
    try:
        return TypeAdapter(shape).validate_json(content, strict=True)
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, e['loc'])) or 'content'} = {e['input']!r:.80}: {e['msg']}"
            for e in error.errors()
        ]
        raise StageError(problems, "run `dvc checkout` or `dvc repro`") from None


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a small CSV file, for `dvc plots`."""
    lines = [",".join(str(value) for value in line) for line in [header, *rows]]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder on the file system of `path`; it is locked while in use, then removed.

    A system error that names no file, or a file in that folder, is raised again with the path of
    the target file. Git ignores the folder because of its name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned_folders(path)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _lock(descriptor)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
    except OSError as error:
        number = error.errno or errno.EIO
        target = _target_of(error.filename, path)
        raise OSError(number, os.strerror(number), str(target)) from error


def _remove_abandoned_folders(path: Path) -> None:
    """Remove the temporary folders of killed processes: those that no process has locked."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):  # another process has just removed it
            descriptor = os.open(folder, os.O_RDONLY)
            with suppress(BlockingIOError):
                if _lock(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open folder; return False on a file system that cannot lock folders, such as NFS."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
    return True


def _target_of(file: str | None, path: Path) -> Path:
    """Return where `file`, which may be in a temporary folder of `path`, was to be in the end."""
    if file is None:
        return path
    parts = Path(file).parts[len(path.parent.parts) :]
    is_temporary = parts and parts[0].startswith(f".{path.name}.") and parts[0].endswith(".part")
    return path.joinpath(*parts[2:]) if is_temporary else Path(file)
