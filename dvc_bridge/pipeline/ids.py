"""A stage's address as a name for other places, different for different addresses."""

from __future__ import annotations

import hashlib
import re

_SLUG_CHARS = 60


def file_name(address: str) -> str:
    """Give a file name: readable, at most 69 characters, and no two addresses share one."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")[:_SLUG_CHARS]
    return f"{slug}-{hashlib.sha256(address.encode()).hexdigest()[:8]}".lstrip("-")


def flow_run_name(flow: str, run_id: str) -> str:
    """Give the name under which the DVC remote knows a run of a Metaflow flow.

    Flows are called like Python classes, without a dash: no two runs share a name.
    """
    return f"{flow}-{run_id}"
