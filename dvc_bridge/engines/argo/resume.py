"""The manifest of a Workflow that goes on with a run where another one has left it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dvc_bridge.engines.argo.workflow_split import keep_tasks


def remaining(made: Mapping[str, Any], numbers: Collection[int], name: str) -> dict[str, Any]:
    """Return a Workflow of the same run for those of its groups that are not done.

    Parameters
    ----------
    made
        The one that was submitted.
    numbers
        Of the groups; what they need beside each other is there.
    """
    spec = keep_tasks(made, [f"g{number}" for number in numbers])
    return {**made, "metadata": {**made["metadata"], "name": name}, "spec": spec}
