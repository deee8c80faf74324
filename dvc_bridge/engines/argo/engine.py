"""Argo Workflows as an engine: each task is a pod of a Workflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count, groupby
from typing import Any, Self

from dvc_bridge.dvcio.project import Project, config_as_dvc
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.config import Sections, pod_settings
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.controller_check import check_controller
from dvc_bridge.engines.argo.doctor import doctor
from dvc_bridge.engines.argo.doctor_remotes import check_remotes
from dvc_bridge.engines.argo.lint import split_and_check
from dvc_bridge.engines.argo.logs import follow_logs, read_logs
from dvc_bridge.engines.argo.manifest import RunSpec, manifest
from dvc_bridge.engines.argo.resume import unfinished_manifest
from dvc_bridge.engines.argo.schema import schema_process
from dvc_bridge.engines.argo.status import RUN_LABEL, Workflow, merge_workflows
from dvc_bridge.engines.argo.waiting_pods import explain_waiting
from dvc_bridge.engines.argo.workflow_chain import begin, forget, stop_run, watch_run
from dvc_bridge.engines.argo.workflow_split import MOST_PODS, split_workflow
from dvc_bridge.engines.base import Finding, LogLine, RunRecord, RunRequest
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.remote_run.upload import remote_names


class ArgoEngine:
    """The Workflows of one namespace of a cluster."""

    name = "argo"
    limits_memory = True
    raises_memory = True

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings

    @classmethod
    def connect(cls, project: Project, settings: Settings) -> Self:
        """Connect to the cluster of the current context, or of the pod that this runs in."""
        del project
        return cls(Cluster.connect(settings.argo.namespace), settings)

    @classmethod
    def costs(cls, settings: Settings) -> Costs:
        """Return what pods cost with Argo's default controller."""
        limit = settings.argo.parallelism
        costs = Costs(part_pods=MOST_PODS)
        return replace(costs, slots=limit) if limit else costs

    @classmethod
    def doctor(cls, project: Project, settings: Settings) -> Iterator[Finding]:
        """Check settings, remotes, cluster, Argo, permissions and the objects that pods name."""
        pipeline = read_pipeline(project)
        names = remote_names(pipeline)
        yield from check_remotes(config_as_dvc(project.root), names, settings.argo)
        yield from doctor(pipeline, settings)

    @classmethod
    def store_settings(
        cls, config: Mapping[str, Any], remotes: Collection[str], settings: Settings
    ) -> Sections:
        """Return the settings of remotes for pods, which get credentials from Secrets."""
        return pod_settings(config, remotes, settings.argo)

    @classmethod
    def credentials(cls, settings: Settings) -> str:
        """Return the Secrets, or the service account."""
        names = ", ".join(settings.argo.all_secrets)
        return f"secrets come from {names or f'the account {settings.argo.service_account}'}"

    @classmethod
    def prepare(cls) -> AbstractContextManager[object]:
        """Load Argo's schema in a separate process, because it takes half a second."""
        return schema_process()

    def check_stages(self, stages: Sequence[str]) -> None:
        """Refuse stages without an image, or with a setting that this controller ignores."""
        self._settings.images(stages)
        if any(self._settings.pod(stage).pod.pending_timeout for stage in stages):
            check_controller(self._cluster, has_pending_timeout=True)

    def identity(self) -> dict[str, str | None]:
        """Return the cluster and the namespace."""
        return self._cluster.identity()

    def record(self, request: RunRequest) -> RunRecord:
        """Return the manifest of the Workflow."""
        shell = os.environ.get("SHELL", "")
        spec = RunSpec(
            name=request.run,
            store=request.environment.store,
            code=request.environment.code,
            argo=self._settings.argo,
            shell="/bin/bash" if shell.endswith("/bash") else None,
            labels={RUN_LABEL: request.run},
        )
        record = manifest(request.tasks, spec)
        split_and_check(record)
        return record

    def start(self, record: RunRecord) -> str:
        """Create the Workflow, and the templates of those that follow it."""
        begin(self._cluster, split_workflow(record))
        return str(record["metadata"]["name"])

    def resume(self, run: str, record: RunRecord, tasks: Collection[TaskNumber]) -> RunRecord:
        """Return the manifest of a Workflow with those tasks, under a name that is not used."""
        forget(self._cluster, run.__eq__)  # the parts that would have followed
        names = [state.name for state in self.attempts(run)]
        new_record = unfinished_manifest(record, tasks, _unused_name(run, names))
        split_and_check(new_record)
        return new_record

    def watch(self, attempt: str) -> Iterator[RunStatus]:
        """Yield the status of a Workflow and of those that follow it, as one."""
        parts: dict[str, Workflow] = {}
        for state in watch_run(self._cluster, attempt):
            parts[state.name] = state
            yield merge_workflows(list(parts.values()))

    def status(self, run: str) -> RunStatus:
        """Return the status of all Workflows of a run as one."""
        return explain_waiting(self._cluster, self._cluster.run(run))

    def runs(self) -> list[RunStatus]:
        """Return the runs of the namespace."""
        by_run = sorted(self._cluster.workflows(), key=lambda state: state.run)
        merged = [merge_workflows(list(s)) for _, s in groupby(by_run, lambda state: state.run)]
        return sorted(merged, key=lambda state: str(state.created))

    def attempts(self, run: str) -> Sequence[Workflow]:
        """Return the Workflows of a run."""
        return self._cluster.of_run(run)

    def logs(
        self, run: str, tasks: Collection[TaskNumber] | None, *, follow: bool
    ) -> Iterator[LogLine]:
        """Yield the lines of the pods' commands."""
        state = self._cluster.run(run)
        if follow and not state.ended:
            return follow_logs(self._cluster, state.name, tasks)
        return read_logs(self._cluster, state, tasks)

    def stop(self, run: str) -> bool:
        """Stop the Workflows of a run."""
        return stop_run(self._cluster, run)

    def forget(self, is_over: Callable[[str], bool]) -> None:
        """Remove the templates of runs that have ended."""
        forget(self._cluster, is_over)


def _unused_name(run: str, names: Sequence[str]) -> str:
    """Return an unused name for a Workflow; names of the parts that follow it begin with it."""
    candidates = (f"{run}-r{number}" for number in count(1))
    return next(n for n in candidates if not any(f"{k}-".startswith(f"{n}-") for k in names))
