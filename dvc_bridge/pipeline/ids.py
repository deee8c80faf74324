"""File, run and Kubernetes names derived from stages, projects and flows."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

_SLUG_CHARS = 60
# In the name of a remote run: four hex digits.
RANDOM_BITS = 16


def file_name(address: str) -> str:
    """Return a readable file name of at most 69 characters that is unique for each address."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")[:_SLUG_CHARS]
    return f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}".lstrip("-")


def flow_run_name(flow: str, run_id: str) -> str:
    """Return the name of a run of a Metaflow flow in the DVC remote.

    The name of a flow is that of a Python class and has no dash, so each run has a name of its own.
    """
    return f"{flow}-{run_id}"


def remote_run_name(project: str, moment: datetime, random_bits: int) -> str:
    """Return the name of a remote run, such as `flights-1130-073015-9f3a`.

    Parameters
    ----------
    project
        The name of the project's folder.
    moment
        When the run is submitted, in UTC.
    random_bits
        As many as `RANDOM_BITS`; they tell runs apart that people submit in the same second.
    """
    return f"{slug(project)}-{moment:%m%d-%H%M%S}-{random_bits:04x}"


def slug(project: str) -> str:
    """Return a valid Kubernetes name that resembles the name of a project."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:20].rstrip("-") or "run"
