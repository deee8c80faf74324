"""The setting `fuse`, which controls how stages are grouped into tasks."""

from __future__ import annotations

from enum import Enum


class Fuse(Enum):
    """How many stages a task may hold."""

    NONE = "none"  # one stage per task
    CHAINS = "chains"  # the stages of a chain, if nothing can run in parallel to them
    AUTO = "auto"  # small stages too, if the run does not take longer
