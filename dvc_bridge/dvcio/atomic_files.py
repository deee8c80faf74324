"""Files that appear whole or not at all."""

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

from dvc_bridge.errors import UsageError

FICLONE = 0x40049409  # the Linux ioctl that makes a file share another's blocks until written


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once, while there is one thread: reading it means to change it for a moment.
UMASK = _umask()


def write_whole(path: Path, text: str, scratch: Path, *, durable: bool = True) -> None:
    """Replace a file's text in one step; its mode and owner, and links to it, stay as they were.

    Where only the file itself may be written to (a folder of somebody else, a file with several
    names or mounted by itself), it is written in place, as DVC does.

    Parameters
    ----------
    scratch
        A folder for the unfinished file, made if needed. What a kill leaves there disturbs nobody.
    durable
        Whether it must survive a power cut; without, the disk is not waited for.
    """
    content = text.encode()

    def write(file: BinaryIO) -> None:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())

    target = Path(os.path.realpath(path)) if path.is_symlink() else path  # a link stays a link
    try:
        before: os.stat_result | None = target.stat()
    except FileNotFoundError:
        before = None
    if before is None:
        _replace(target, write, scratch, 0o666 & ~UMASK)
        return
    if before.st_nlink > 1:
        _write_in_place(target, write)
        return
    try:
        _replace(target, write, scratch, before.st_mode & 0o7777, (before.st_uid, before.st_gid))
    except OSError as exc:
        if exc.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY):
            raise
        _write_in_place(target, write)


def _write_in_place(path: Path, write: Callable[[BinaryIO], None]) -> None:
    with named(path), path.open("r+b") as file:
        write(file)
        file.truncate()


def remove_tree(path: Path) -> None:
    """Remove a file or folder, if there is one, as DVC does.

    A link to a folder stays, and so does what is in it: commands write through it.
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


def check_writable(folder: Path) -> None:
    """Check that files can be made in a cache folder, which need not exist yet.

    Raises
    ------
    UsageError
        They cannot.
    """
    above = next(up for up in (folder, *folder.parents) if up.exists())
    inside = [path for path in (above, above / "files" / "md5", above / "runs") if path.exists()]
    for path in inside:
        try:
            with tempfile.TemporaryFile(dir=path):  # permission bits say nothing of root
                pass
        except OSError as exc:
            raise UsageError(
                f"{path} may not be written to", "chown it, or dvc cache dir FOLDER"
            ) from exc


def copy_file(source: Path, target: Path, scratch: Path, *, mode: int) -> None:
    """Copy a file's bytes, sharing blocks where the disk can; the copy appears in one step."""
    _replace(target, lambda file: clone_or_copy(source, file), scratch, mode)


def clone_or_copy(source: Path, file: BinaryIO) -> None:
    """Fill an empty file with the bytes of another."""
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
        _write(path, write, path.parent, mode, owner)  # another disk than the scratch folder's


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let errors of the system say which file was written."""
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
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name[:40]}.")
    try:
        with named(path), os.fdopen(handle, "wb") as file:
            write(file)
            info = os.fstat(file.fileno())
            if owner and owner != (info.st_uid, info.st_gid):
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
        os.rename(name, path)  # noqa: PTH104  a string
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
