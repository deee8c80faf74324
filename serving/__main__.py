"""`python -m serving`: serve the bundle that the environment variables name (settings.py)."""

from __future__ import annotations

import ctypes
import logging
import os
import sys

from serving.errors import ServingError
from serving.lifecycle import Server
from serving.settings import read_settings

# glibc's numbers for mallopt: how much freed memory to keep, how much to allocate at a time, from
# which size on a block comes from the system and goes back to it, how many heaps threads have.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8


def keep_freed_memory() -> None:
    """Keep some MB of freed memory: allocating it again is a tenth of the CPU of 1,000 rows."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:  # musl does not have it
        mallopt(_TRIM_THRESHOLD, 16 << 20)
        mallopt(_TOP_PAD, 1 << 20)
        mallopt(_MMAP_THRESHOLD, 16 << 20)
        mallopt(_ARENA_MAX, 1)


def main() -> int:
    """Serve until a signal stops the server.

    Returns
    -------
    int
        0, or 2 if the settings, the bundle or the port are refused.
    """
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.WARNING)
    keep_freed_memory()
    try:
        server = Server(read_settings(os.environ))
    except ServingError as error:
        print(error, file=sys.stderr)
        return 2
    server.run()
    return 2 if server.failed else 0


if __name__ == "__main__":
    sys.exit(main())
