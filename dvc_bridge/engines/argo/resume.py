"""The manifest of a Workflow that resumes a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dvc_bridge.engines.argo.workflow_split import keep_tasks
from dvc_bridge.pipeline.numbering import TaskNumber


def unfinished_manifest(
    manifest: Mapping[str, Any], numbers: Collection[TaskNumber], name: str
) -> dict[str, Any]:
    """Return the manifest of a Workflow for the unfinished groups of a run.

    Parameters
    ----------
    manifest
        The manifest that was submitted.
    numbers
        The numbers of the groups; the results of all other groups are available.
    """
    spec = keep_tasks(manifest, [f"g{number}" for number in numbers])
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}, "spec": spec}
