"""How stages are grouped into tasks: the setting `fuse`."""

from __future__ import annotations

from enum import Enum


class Fuse(Enum):
    """How many stages a task may hold."""

    NONE = "none"  # one stage per task
    CHAINS = "chains"  # stages of a chain, where nothing else can run at that time
    AUTO = "auto"  # small stages too, where the run takes no longer
