"""Manifests that users apply themselves: every Workflow from them is a separate run."""

from __future__ import annotations

from collections.abc import Sequence

from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.engines.argo.lint import split_and_check
from dvc_bridge.engines.argo.manifest import ManifestKind, RunSpec, manifest, text
from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.remote_run.worker_contract import GitCode


def manifest_text(
    tasks: Sequence[TaskSpec],
    *,
    name: str,
    store: Sections,
    code: GitCode,
    settings: Settings,
    kind: ManifestKind,
    schedule: str | None,
) -> str:
    """Return the manifest as YAML documents.

    Parameters
    ----------
    name
        The name of the Workflow or template.
    store
        The settings of the DVC remotes, without secrets.
    schedule
        The cron expression of a CronWorkflow.

    Raises
    ------
    UsageError
        Argo would not run the manifest.
    """
    spec = RunSpec(
        name=name,
        store=store,
        code=code,
        argo=settings.argo,
        own_run=True,
        kind=kind,
        schedule=schedule,
    )
    first, *later = split_and_check(manifest(tasks, spec))
    # Templates first, so that they exist when the first part starts.
    return "---\n".join(map(text, (*later, first)))
