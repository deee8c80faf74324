"""Check that the cache is writable: a command must not run for hours in vain."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

from dvc_bridge.dvcio.cache_layout import OBJECTS
from dvc_bridge.errors import UsageError

# `CacheCheck` looks at most this often: three temporary files take 2 ms.
_PERIOD_S = 1.0


class CacheCheck:
    """The check of one cache before each of many commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked_at = -math.inf

    def run(self) -> None:
        """Call `check_writable`, unless the last call was less than a second ago."""
        now = time.monotonic()
        if now - self._checked_at >= _PERIOD_S:
            check_writable(self._folder)
            self._checked_at = now


def check_writable(folder: Path) -> None:
    """Check that files can be created in a cache folder, which need not exist yet.

    Raises
    ------
    UsageError
        The folder is not writable.
    """
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    subfolders = (nearest / OBJECTS, nearest / "runs")
    for path in (nearest, *(subfolder for subfolder in subfolders if subfolder.exists())):
        try:
            with tempfile.TemporaryFile(dir=path):  # root ignores permission bits
                pass
        except OSError as exc:
            raise UsageError(
                f"{path} is not writable", "chown it, or dvc cache dir FOLDER"
            ) from exc
