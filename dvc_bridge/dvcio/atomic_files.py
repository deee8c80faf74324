"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FICLONE = 0x40049409  # Linux ioctl: share another file's blocks until one is written


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once, while there is one thread: reading the umask changes it for a moment.
UMASK = _umask()


def write_whole(path: Path, text: str, scratch: Path, *, durable: bool = True) -> None:
    """Replace a file's text in one step; keep its mode, its owner and links to it.

    If the file cannot be replaced (another user owns the folder, the file has several hard links or
    is a mount point), it is written in place, as DVC does.

    Parameters
    ----------
    scratch
        A folder for the unfinished file, created if needed. A file that a kill leaves there is
        harmless.
    durable
        Whether the text must survive a power failure. If false, do not wait for the disk.
    """
    content = text.encode()

    def write(file: BinaryIO) -> None:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())

    target = Path(os.path.realpath(path)) if path.is_symlink() else path  # a link stays a link
    try:
        info: os.stat_result | None = target.stat()
    except FileNotFoundError:
        info = None
    if info is None:
        _replace(target, write, scratch, 0o666 & ~UMASK)
        return
    if info.st_nlink > 1:
        _write_in_place(target, write)
        return
    try:
        _replace(target, write, scratch, info.st_mode & 0o7777, (info.st_uid, info.st_gid))
    except OSError as exc:
        if exc.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY):
            raise
        _write_in_place(target, write)


def _write_in_place(path: Path, write: Callable[[BinaryIO], None]) -> None:
    with named(path), path.open("r+b") as file:
        write(file)
        file.truncate()


def remove_tree(path: Path) -> None:
    """Remove a file or folder if it exists, as DVC does.

    Keep a link to a folder, and the content of that folder: commands write through the link.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
    elif not path.is_symlink():
        shutil.rmtree(path, onerror=_remove_writable)


def _remove_writable(remove: Callable[[str], object], name: str, _: object) -> None:
    path = Path(name)
    for protected in (path, path.parent):
        protected.chmod(protected.stat().st_mode | stat.S_IRWXU)
    remove(name)


def copy_file(source: Path, target: Path, scratch: Path, *, mode: int) -> None:
    """Copy a file in one step; share its blocks if the file system supports that."""
    _replace(target, lambda file: clone_or_copy(source, file), scratch, mode)


def clone_or_copy(source: Path, file: BinaryIO) -> None:
    """Fill an empty file with the bytes of `source`."""
    with source.open("rb") as original:
        with suppress(OSError):
            fcntl.ioctl(file.fileno(), FICLONE, original.fileno())
            return
        shutil.copyfileobj(original, file)


def _replace(
    path: Path,
    write: Callable[[BinaryIO], None],
    scratch: Path,
    mode: int,
    owner: tuple[int, int] | None = None,
) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        _write(path, write, scratch, mode, owner)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        _write(path, write, path.parent, mode, owner)  # the scratch folder is on another disk


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Add the file's name to an operating system error that lacks one."""
    try:
        yield
    except OSError as exc:
        exc.filename = exc.filename or str(path)
        raise


def _write(
    path: Path,
    write: Callable[[BinaryIO], None],
    folder: Path,
    mode: int,
    owner: tuple[int, int] | None,
) -> None:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name[:40]}.")
    try:
        with named(path), os.fdopen(descriptor, "wb") as file:
            write(file)
            info = os.fstat(file.fileno())
            if owner and owner != (info.st_uid, info.st_gid):
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
        os.rename(name, path)  # noqa: PTH104  a string
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
