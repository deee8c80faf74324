"""Checking that what was copied into the cache is what was hashed.

An out is hashed first and copied afterwards. If another process changes it in between, the object
has other bytes than its name says. DVC does not notice that, and every later run trusts the object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.hashes import md5_of
from dvc_bridge.errors import UsageError


def check_object(target: Path, md5: str, source: str) -> None:
    """Check an object whose source has changed since it was hashed.

    Parameters
    ----------
    source
        The file that was copied, for the message.

    Raises
    ------
    UsageError
        The object has other bytes; it is removed.
    """
    if target.exists() and md5_of(target) != md5:
        target.unlink()
        raise UsageError(
            f"{source} changed while it was stored in the cache",
            "find out which other stage or program writes it, then run again",
        )


@contextmanager
def checked_copies(cache: Any, root: str) -> Iterator[None]:
    """Check the files that DVC copies into its cache in the block.

    Parameters
    ----------
    cache
        DVC's object database on this machine.
    root
        The folder that paths in messages start from.
    """
    from dvc.fs import LocalFileSystem  # noqa: PLC0415  the caller has opened DVC
    from dvc.utils import relpath  # noqa: PLC0415  as above

    def add(path: Any, fs: Any, oid: Any, *args: Any, **kwargs: Any) -> int:
        copied: int = original(path, fs, oid, *args, **kwargs)
        if kwargs.get("verify") or not isinstance(fs, LocalFileSystem):
            return copied
        paths, oids = ([path], [oid]) if isinstance(path, str) else (path, oid)
        for source, md5 in zip(paths, oids, strict=True):
            # DVC's state has what the file was when it was hashed.
            _, unchanged = cache.state.get(source, fs)
            if unchanged is None or unchanged.value != md5:
                check_object(Path(cache.oid_to_path(md5)), md5, relpath(source, root))
        return copied

    original = cache.add
    cache.add = add
    try:
        yield
    finally:
        del cache.add
