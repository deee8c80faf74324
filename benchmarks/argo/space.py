"""The cluster and the object store that the rows share, with what they leave there."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from kubernetes import client
from s3fs import S3FileSystem

from benchmarks.argo.figures import SkippedError
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.status import RUN_LABEL, RunState
from dvc_bridge.engines.argo.watch import watch
from dvc_bridge.engines.kubernetes.errors import ApiError
from dvc_bridge.engines.kubernetes.pod_logs import pod_log

NEEDED = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "BRIDGE_IMAGE")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Parameters
    ----------
    rounds
        Of ways that are compared, in turns.
    slow_s
        How long a slow stage takes.
    wide
        Width of the large pipeline, which has five rows.
    """

    rounds: int
    slow_s: int
    wide: int


class Task(NamedTuple):
    """One pod of a Workflow without dvc-bridge."""

    name: str
    command: str
    after: Sequence[str] = ()


class Space:
    """A bucket, a Secret of the same name for the pods, and the Workflows made meanwhile."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        if lost := [name for name in (*NEEDED, *KEYS) if not os.environ.get(name)]:
            raise SystemExit(f"not set: {', '.join(lost)}; see docs/scale.md")
        self.folder, self.scale = folder, scale
        self.name = f"bench-{secrets.token_hex(3)}"
        self.endpoint, self.image = os.environ["CLUSTER_S3_ENDPOINT"], os.environ["BRIDGE_IMAGE"]
        self.cluster = Cluster.connect(os.environ.get("CLUSTER_NAMESPACE"))
        self.s3 = S3FileSystem(
            client_kwargs={"endpoint_url": self.endpoint}, use_listings_cache=False
        )
        self._core = client.CoreV1Api(self.cluster.connection.api)

    @property
    def empty(self) -> Path:
        """A folder without a project."""
        made = self.folder / "empty"
        made.mkdir(exist_ok=True)
        return made

    def __enter__(self) -> Self:
        self.s3.mkdir(self.name)
        secret = {"metadata": {"name": self.name}, "stringData": {k: os.environ[k] for k in KEYS}}
        self._core.create_namespaced_secret(self.cluster.namespace, secret)
        return self

    def __exit__(self, *_: object) -> None:
        for state in self.cluster.workflows():  # left where something has failed
            if state.name.startswith(self.name):
                self.drop(state.name)
        self._core.delete_namespaced_secret(self.name, self.cluster.namespace)
        self.s3.rm(self.name, recursive=True)

    def run(self, tasks: Sequence[Task], parallelism: int | None = None) -> tuple[str, float]:
        """Run a Workflow of bare pods to its end, which must be a good one.

        Returns
        -------
        tuple
            Its name, and the seconds from before it is made until it is seen to have ended.
        """
        begin = time.monotonic()
        name = self.create(tasks, parallelism)
        *_, state = watch(self.cluster, name)
        wall_s = time.monotonic() - begin
        if state.phase != "Succeeded":
            raise SystemExit(f"{name} ended {state.phase}: {self.said(state)}")
        return name, wall_s

    def create(self, tasks: Sequence[Task], parallelism: int | None = None) -> str:
        """Start a Workflow of bare pods; the same image, Secret and account as ours have."""
        name = f"{self.name}-{secrets.token_hex(3)}"
        container = {
            "image": self.image,
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", "{{inputs.parameters.c}}"],
            "envFrom": [{"secretRef": {"name": self.name}}],
        }
        graph = [
            {
                "name": task.name,
                "template": "p",
                "arguments": {"parameters": [{"name": "c", "value": task.command}]},
                **({"depends": "&&".join(task.after)} if task.after else {}),
            }
            for task in tasks
        ]
        spec: dict[str, Any] = {
            "entrypoint": "run",
            "serviceAccountName": "dvc-bridge",
            "templates": [
                {"name": "run", "dag": {"tasks": graph}},
                {"name": "p", "inputs": {"parameters": [{"name": "c"}]}, "container": container},
            ],
        }
        if parallelism:
            spec["parallelism"] = parallelism
        meta = {"name": name, "labels": {RUN_LABEL: name}}
        made = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta}
        self.cluster.create({**made, "spec": spec})
        return name

    def printed(self, run: str) -> list[str]:
        """Give what the one pod of a Workflow has printed."""
        found = self._core.list_namespaced_pod(
            self.cluster.namespace, label_selector=f"workflows.argoproj.io/workflow={run}"
        )
        (pod,) = (item.metadata.name for item in found.items)
        return list(pod_log(self.cluster.connection, pod, follow=False))

    def said(self, state: RunState) -> str:
        """Give what the pods of a Workflow have printed that did not end well."""
        lines = [state.message]
        for pod in state.pods:
            with suppress(ApiError):
                lines += list(pod_log(self.cluster.connection, pod.pod, follow=False))[-5:]
        return "\n".join(lines)

    def drop(self, run: str) -> None:
        """Delete a Workflow with its pods, so that it costs the next measurement nothing."""
        self.cluster.delete(run)

    def runs_of(self, project: Path) -> list[str]:
        """Name the Workflows that `submit` has made for a project of this folder's name.

        The name must be short: a run's has its first 20 characters.
        """
        found = self.cluster.workflows()
        return [state.name for state in found if state.name.startswith(f"{project.name}-")]


def controller_cpu_s() -> float:
    """Give the CPU that Argo's controller has used so far.

    Raises
    ------
    SkippedError
        CLUSTER_CONTROLLER_PID_FILE names no process of this machine.
    """
    file = os.environ.get("CLUSTER_CONTROLLER_PID_FILE")
    if not file:
        raise SkippedError("CLUSTER_CONTROLLER_PID_FILE is not set")
    stat = Path(f"/proc/{int(Path(file).read_text())}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def variables(extra: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a command."""
    # An image holds compiled modules; those here would otherwise be compiled by every command.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "DVC_NO_ANALYTICS": "1", **extra}
