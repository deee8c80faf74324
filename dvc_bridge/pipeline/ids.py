"""Names made from those of stages, projects and flows, as other places allow them."""

from __future__ import annotations

import hashlib
import re

_SLUG_CHARS = 60


def file_name(address: str) -> str:
    """Return a file name: readable, at most 69 characters, and no two addresses share one."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")[:_SLUG_CHARS]
    return f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}".lstrip("-")


def flow_run_name(flow: str, run_id: str) -> str:
    """Return the name under which the DVC remote knows a run of a Metaflow flow.

    Flows are called like Python classes, without a dash: no two runs share a name.
    """
    return f"{flow}-{run_id}"


def slug(project: str) -> str:
    """Return a name that Kubernetes allows and that resembles a project's."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:20].rstrip("-") or "run"
