"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once, while there is one thread: reading it means to change it for a moment.
UMASK = _umask()


def write_whole(path: Path, text: str, scratch: Path) -> None:
    """Replace the file in one step; its mode stays as it was.

    Parameters
    ----------
    scratch
        A folder for the unfinished file, made if needed. What a kill leaves there disturbs nobody.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~UMASK
    try:
        _write(path, text, scratch, mode)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        _write(path, text, path.parent, mode)  # another disk than the scratch folder's


def _write(path: Path, text: str, folder: Path, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
