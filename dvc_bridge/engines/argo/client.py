"""Argo Workflows through the Kubernetes API; nothing of Argo's own commands is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dvc_bridge.engines.argo.status import RUN_LABEL, Workflow, merge_workflows, workflow_of
from dvc_bridge.engines.kubernetes.connection import Connection, connect
from dvc_bridge.engines.kubernetes.errors import CONFLICT, FORBIDDEN, NOT_FOUND, ApiError
from dvc_bridge.errors import UsageError

GROUP, VERSION, PLURAL, TEMPLATES = "argoproj.io", "v1alpha1", "workflows", "workflowtemplates"
_PAGE = 50


class Cluster:
    """The Workflows of one namespace.

    Every method raises ApiError, a UsageError, with what was refused and what to do.
    """

    def __init__(self, connection: Connection) -> None:
        from kubernetes import client  # noqa: PLC0415  an extra

        self.connection = connection
        self._objects = client.CustomObjectsApi(connection.api)
        self._place = {
            "group": GROUP,
            "version": VERSION,
            "namespace": connection.namespace,
            "plural": PLURAL,
        }
        self._templates = {**self._place, "plural": TEMPLATES}

    @classmethod
    def connect(cls, namespace: str | None = None, context: str | None = None) -> Cluster:
        """Open one; see `dvc_bridge.engines.kubernetes.connection.connect`."""
        return cls(connect(namespace, context))

    @property
    def namespace(self) -> str:
        """Where its Workflows are."""
        return self.connection.namespace

    def identity(self) -> dict[str, str | None]:
        """Return which cluster and namespace this is, for `is_same_place`."""
        from kubernetes import client  # noqa: PLC0415  an extra

        try:
            core = client.CoreV1Api(self.connection.api)
            uid = self.connection.ask(core.read_namespace, "kube-system").metadata.uid
        except ApiError as error:
            if error.status not in (FORBIDDEN, NOT_FOUND):
                raise
            uid = None  # not for us to see: its address has to do
        return {
            "engine": "argo",
            "uid": uid,
            "host": self.connection.host,
            "namespace": self.namespace,
        }

    def create(self, manifest: Mapping[str, Any]) -> Workflow:
        """Make a Workflow; one of this name must not exist.

        If the answer to a first try got lost, the Workflow that a second one finds is ours.
        """
        create = self._objects.create_namespaced_custom_object
        try:
            made = self.connection.ask_once(create, **self._place, body=dict(manifest))
        except ApiError as error:
            if not error.transient:
                raise
            return self._create_again(manifest)
        return workflow_of(made)

    def _create_again(self, manifest: Mapping[str, Any]) -> Workflow:
        create = self._objects.create_namespaced_custom_object
        try:
            return workflow_of(self.connection.ask(create, **self._place, body=dict(manifest)))
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            return self.get(manifest["metadata"]["name"])

    def get(self, name: str) -> Workflow:
        """Look at one Workflow."""
        return workflow_of(self.fetch(name))

    def fetch(self, name: str) -> dict[str, Any]:
        """Get one Workflow as the cluster has it."""
        get = self._objects.get_namespaced_custom_object
        found: dict[str, Any] = self.connection.ask(get, **self._place, name=name)
        return found

    def events(self, name: str, version: str, seconds: int) -> Any:
        """Start to watch one Workflow: a response whose lines are events, for `seconds`."""
        return self.connection.ask_once(
            self._objects.list_namespaced_custom_object,
            **self._place,
            field_selector=f"metadata.name={name}",
            resource_version=version,
            watch=True,
            timeout_seconds=seconds,
            _preload_content=False,
        )

    def workflows(self) -> list[Workflow]:
        """List those of all runs, the oldest first."""
        return self._states(RUN_LABEL)

    def _states(self, selector: str) -> list[Workflow]:
        states = [workflow_of(workflow) for workflow in self._list(selector, self._place)]
        return sorted(states, key=lambda state: (str(state.created), state.name))

    def run(self, run: str) -> Workflow:
        """Look at a run, however many Workflows it is."""
        return merge_workflows(self.workflows_of(run))

    def workflows_of(self, run: str) -> list[Workflow]:
        """List those of a run, of which there must be one, the oldest first."""
        states = self.of_run(run)
        if not states:
            raise UsageError(
                f"namespace {self.namespace} has no run {run}; Argo deletes old ones",
                "`dvc-bridge status` shows the runs that there are",
            )
        return states

    def of_run(self, run: str) -> list[Workflow]:
        """List those of a run; there need not be one, since Argo deletes old ones."""
        return self._states(f"{RUN_LABEL}={run}")

    def stop(self, name: str) -> None:
        """Have a Workflow end: its pods get SIGTERM, and no new ones come."""
        patch = self._objects.patch_namespaced_custom_object
        body = {"spec": {"shutdown": "Stop"}}
        self.connection.ask(patch, **self._place, name=name, body=body)

    def delete(self, name: str) -> None:
        """Remove a Workflow and its pods."""
        self.connection.ask(self._objects.delete_namespaced_custom_object, **self._place, name=name)

    def create_template(self, manifest: Mapping[str, Any]) -> None:
        """Make a WorkflowTemplate; one of this name is taken for the same."""
        create = self._objects.create_namespaced_custom_object
        try:
            self.connection.ask(create, **self._templates, body=dict(manifest))
        except ApiError as error:
            if error.status != CONFLICT:  # a first try, whose answer got lost
                raise

    def templates(self) -> list[tuple[str, str]]:
        """List the WorkflowTemplates that belong to runs: their names, and each one's run."""
        metas = [found["metadata"] for found in self._list(RUN_LABEL, self._templates)]
        return [(meta["name"], meta["labels"][RUN_LABEL]) for meta in metas]

    def delete_template(self, name: str) -> None:
        """Remove a WorkflowTemplate, if it is there."""
        delete = self._objects.delete_namespaced_custom_object
        try:
            self.connection.ask(delete, **self._templates, name=name)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def _list(self, selector: str, place: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        page = ""
        while True:
            found = self.connection.ask(
                self._objects.list_namespaced_custom_object,
                **place,
                label_selector=selector,
                limit=_PAGE,
                **({"_continue": page} if page else {}),
            )
            yield from found["items"]
            page = found["metadata"].get("continue", "")
            if not page:
                return
