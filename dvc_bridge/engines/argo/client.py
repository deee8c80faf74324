"""A client of Argo Workflows that uses the Kubernetes API and does not need Argo's commands."""

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

    Every method may raise ApiError, a UsageError that says what was refused and what to do.
    """

    def __init__(self, connection: Connection) -> None:
        from kubernetes import client  # noqa: PLC0415  an extra

        self.connection = connection
        self._objects = client.CustomObjectsApi(connection.api)
        self._path = {
            "group": GROUP,
            "version": VERSION,
            "namespace": connection.namespace,
            "plural": PLURAL,
        }
        self._templates = {**self._path, "plural": TEMPLATES}

    @classmethod
    def connect(cls, namespace: str | None = None, context: str | None = None) -> Cluster:
        """Connect to a cluster; see `dvc_bridge.engines.kubernetes.connection.connect`."""
        return cls(connect(namespace, context))

    @property
    def namespace(self) -> str:
        """The namespace of the Workflows."""
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
            uid = None  # without permission to read it, the address identifies the cluster
        return {
            "engine": "argo",
            "uid": uid,
            "host": self.connection.host,
            "namespace": self.namespace,
        }

    def create(self, manifest: Mapping[str, Any]) -> Workflow:
        """Create a Workflow; none with this name may exist.

        If the response to the first attempt was lost, the Workflow that the second attempt finds is
        ours.
        """
        create = self._objects.create_namespaced_custom_object
        try:
            created = self.connection.ask_once(create, **self._path, body=dict(manifest))
        except ApiError as error:
            if not error.transient:
                raise
            return self._create_again(manifest)
        return workflow_of(created)

    def _create_again(self, manifest: Mapping[str, Any]) -> Workflow:
        create = self._objects.create_namespaced_custom_object
        try:
            return workflow_of(self.connection.ask(create, **self._path, body=dict(manifest)))
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            return self.get(manifest["metadata"]["name"])

    def get(self, name: str) -> Workflow:
        """Return the status of a Workflow."""
        return workflow_of(self.fetch(name))

    def fetch(self, name: str) -> dict[str, Any]:
        """Return the object of a Workflow in the cluster."""
        get = self._objects.get_namespaced_custom_object
        workflow: dict[str, Any] = self.connection.ask(get, **self._path, name=name)
        return workflow

    def events(self, name: str, version: str, seconds: int) -> Any:
        """Watch a Workflow for `seconds`: return a response whose lines are events."""
        return self.connection.ask_once(
            self._objects.list_namespaced_custom_object,
            **self._path,
            field_selector=f"metadata.name={name}",
            resource_version=version,
            watch=True,
            timeout_seconds=seconds,
            _preload_content=False,
        )

    def workflows(self) -> list[Workflow]:
        """Return the Workflows of all runs, the oldest first."""
        return self._states(RUN_LABEL)

    def _states(self, selector: str) -> list[Workflow]:
        states = [workflow_of(workflow) for workflow in self._list(selector, self._path)]
        return sorted(states, key=lambda state: (str(state.created), state.name))

    def run(self, run: str) -> Workflow:
        """Return the status of all Workflows of a run as one."""
        return merge_workflows(self.workflows_of(run))

    def workflows_of(self, run: str) -> list[Workflow]:
        """Return the Workflows of a run, the oldest first.

        Raises
        ------
        UsageError
            There is none.
        """
        states = self.of_run(run)
        if not states:
            raise UsageError(
                f"namespace {self.namespace} has no run {run}; Argo deletes old ones",
                "`dvc-bridge status` lists the runs",
            )
        return states

    def of_run(self, run: str) -> list[Workflow]:
        """Return the Workflows of a run; none if Argo has deleted them because of their age."""
        return self._states(f"{RUN_LABEL}={run}")

    def stop(self, name: str) -> None:
        """Stop a Workflow: its pods receive SIGTERM, and no new pods start."""
        patch = self._objects.patch_namespaced_custom_object
        body = {"spec": {"shutdown": "Stop"}}
        self.connection.ask(patch, **self._path, name=name, body=body)

    def delete(self, name: str) -> None:
        """Remove a Workflow and its pods."""
        self.connection.ask(self._objects.delete_namespaced_custom_object, **self._path, name=name)

    def create_template(self, manifest: Mapping[str, Any]) -> None:
        """Create a WorkflowTemplate; an existing one with this name counts as the same."""
        create = self._objects.create_namespaced_custom_object
        try:
            self.connection.ask(create, **self._templates, body=dict(manifest))
        except ApiError as error:
            if error.status != CONFLICT:  # not a first attempt whose response was lost
                raise

    def templates(self) -> list[tuple[str, str]]:
        """Return the name and the run of each WorkflowTemplate that belongs to a run."""
        metas = [template["metadata"] for template in self._list(RUN_LABEL, self._templates)]
        return [(meta["name"], meta["labels"][RUN_LABEL]) for meta in metas]

    def delete_template(self, name: str) -> None:
        """Remove a WorkflowTemplate, if it exists."""
        delete = self._objects.delete_namespaced_custom_object
        try:
            self.connection.ask(delete, **self._templates, name=name)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def _list(self, selector: str, path: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        page = ""
        while True:
            response = self.connection.ask(
                self._objects.list_namespaced_custom_object,
                **path,
                label_selector=selector,
                limit=_PAGE,
                **({"_continue": page} if page else {}),
            )
            yield from response["items"]
            page = response["metadata"].get("continue", "")
            if not page:
                return
