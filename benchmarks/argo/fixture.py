"""The cluster and the object store that the benchmarks share; removed at the end."""

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

from benchmarks.argo.targets import SkippedError
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.logs import command_lines
from dvc_bridge.engines.argo.status import RUN_LABEL, Workflow
from dvc_bridge.engines.argo.watch import watch
from dvc_bridge.engines.kubernetes.errors import ApiError
from dvc_bridge.engines.kubernetes.pod_logs import pod_log

VARIABLES = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "BRIDGE_IMAGE")
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class Scale:
    """How much to measure.

    Parameters
    ----------
    rounds
        How often alternatives that are compared run, in turns.
    slow_s
        Duration of a slow stage, in seconds.
    width
        Stages in each of the five rows of the large pipeline.
    """

    rounds: int
    slow_s: int
    width: int


class Task(NamedTuple):
    """One pod of a Workflow without dvc-bridge."""

    name: str
    command: str
    after: Sequence[str] = ()


class Fixture:
    """A bucket, a Secret of the same name for the pods, and the Workflows of the benchmarks."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        missing = [name for name in (*VARIABLES, *CREDENTIALS) if not os.environ.get(name)]
        if missing:
            raise SystemExit(f"not set: {', '.join(missing)}; see docs/scale.md")
        self.folder, self.scale = folder, scale
        self.name = f"bench-{secrets.token_hex(3)}"
        self.endpoint, self.image = os.environ["CLUSTER_S3_ENDPOINT"], os.environ["BRIDGE_IMAGE"]
        self.cluster = Cluster.connect(os.environ.get("CLUSTER_NAMESPACE"))
        self.s3 = S3FileSystem(
            client_kwargs={"endpoint_url": self.endpoint}, use_listings_cache=False
        )
        self._core = client.CoreV1Api(self.cluster.connection.api)

    @property
    def empty_folder(self) -> Path:
        """A folder without a project."""
        folder = self.folder / "empty"
        folder.mkdir(exist_ok=True)
        return folder

    def __enter__(self) -> Self:
        self.s3.mkdir(self.name)
        data = {name: os.environ[name] for name in CREDENTIALS}
        secret = {"metadata": {"name": self.name}, "stringData": data}
        self._core.create_namespaced_secret(self.cluster.namespace, secret)
        return self

    def __exit__(self, *_: object) -> None:
        for state in self.cluster.workflows():  # those of benchmarks that failed
            if state.name.startswith(self.name):
                self.delete(state.name)
        self._core.delete_namespaced_secret(self.name, self.cluster.namespace)
        self.s3.rm(self.name, recursive=True)

    def run(self, tasks: Sequence[Task], parallelism: int | None = None) -> tuple[str, float]:
        """Run a Workflow of pods without dvc-bridge; it must succeed.

        Returns
        -------
        tuple
            Its name, and the seconds from its creation until the client sees that it has finished.
        """
        start_s = time.monotonic()
        name = self.create(tasks, parallelism)
        *_, state = watch(self.cluster, name)
        wall_s = time.monotonic() - start_s
        if state.phase != "Succeeded":
            raise SystemExit(f"{name} ended {state.phase}: {self.failure_output(state)}")
        return name, wall_s

    def create(self, tasks: Sequence[Task], parallelism: int | None = None) -> str:
        """Start a Workflow of pods without dvc-bridge: same image, Secret and service account."""
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
        workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta}
        self.cluster.create({**workflow, "spec": spec})
        return name

    def pod_output(self, run: str) -> list[str]:
        """Return the output, by line, of the only pod of a Workflow."""
        pods = self._core.list_namespaced_pod(
            self.cluster.namespace, label_selector=f"workflows.argoproj.io/workflow={run}"
        )
        (pod,) = (item.metadata.name for item in pods.items)
        return self._command_lines(pod)

    def failure_output(self, state: Workflow) -> str:
        """Return the message of a failed Workflow and the last lines of output of its pods."""
        lines = [state.message]
        for pod in state.tasks:
            with suppress(ApiError):
                lines += self._command_lines(pod.place)[-5:]
        return "\n".join(lines)

    def _command_lines(self, pod: str) -> list[str]:
        return list(command_lines(pod_log(self.cluster.connection, pod, follow=False)))

    def delete(self, run: str) -> None:
        """Delete a Workflow with its pods, so that it does not affect the next measurement."""
        self.cluster.delete(run)

    def runs_of_project(self, project: Path) -> list[str]:
        """Return the names of the Workflows that `submit` created for a project.

        The name of the project's folder must have at most 20 characters: runs begin with those.
        """
        states = self.cluster.workflows()
        return [state.name for state in states if state.name.startswith(f"{project.name}-")]


def controller_cpu_s() -> float:
    """Return the CPU time of Argo's controller so far, in seconds.

    Raises
    ------
    SkippedError
        CLUSTER_CONTROLLER_PID_FILE is not set.
    """
    file = os.environ.get("CLUSTER_CONTROLLER_PID_FILE")
    if not file:
        raise SkippedError("CLUSTER_CONTROLLER_PID_FILE is not set")
    stat = Path(f"/proc/{int(Path(file).read_text())}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def command_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a command."""
    # An image contains compiled modules; without them, every command here would compile them.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "DVC_NO_ANALYTICS": "1", **extra}
