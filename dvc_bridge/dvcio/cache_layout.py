"""The layout of DVC's cache: where it keeps objects (`planning.run_cache_key`: its runs)."""

from __future__ import annotations

# The folder of objects in a cache since DVC 3; DVC 2 kept them in the cache itself.
OBJECTS = "files/md5"


def object_path(md5: str, *, is_legacy: bool = False) -> str:
    """Return the path of an object from the cache.

    Parameters
    ----------
    md5
        The name of the object; that of a folder ends with `.dir`.
    is_legacy
        Whether it is an object of DVC 2.
    """
    path = f"{md5[:2]}/{md5[2:]}"
    return path if is_legacy else f"{OBJECTS}/{path}"
