"""`@dvc_project`: send the DVC project to a flow's pods, and check the flow's inputs."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from metaflow import FlowMutator
from metaflow._vendor import click
from metaflow.packaging_sys import ContentType
from metaflow.system_context import system_context

from .errors import as_metaflow_says
from .metadata import name_task
from .package import ARCHIVE, FACTS, pack, packed
from .shell_safe_values import check_origin, check_parameters, check_tags

# Decorators of steps that run on other machines.
_REMOTE = frozenset({"kubernetes", "batch"})
_TASK = re.compile("([^/]+)/([^/]+)/([^/]+)")
_RUNS = ("run", "resume")
_DEPLOYERS = ("argo-workflows", "airflow", "step-functions")


class dvc_project(FlowMutator):  # noqa: N801  a decorator
    """Send the DVC project to the pods of a flow, and check the flow's inputs.

    Parameters
    ----------
    root : Path
        The project's folder, which holds `.dvc`.

    A command that sends steps to pods (`run --with kubernetes`, `argo-workflows create`) puts the
    project into the code package, except files that git ignores, files that DVC tracks, and files
    whose names suggest a secret. First, it checks within seconds that the datastore, the cluster
    and the DVC remote respond, and reports what to do if they do not. If all steps run on this
    machine, it packs nothing.

    It refuses values of parameters and tags that a shell in a pod would change, and names them. It
    also refuses a git remote URL that contains credentials.
    """

    def init(self, *_: Any, root: Path) -> None:
        """Store the project's folder."""
        self._root = Path(root)
        self._packed: TemporaryDirectory[str] | None = None

    def pre_mutate(self, mutable_flow: Any) -> None:
        """Check the tags of the command, and make parameters check their values."""
        with as_metaflow_says():
            check_parameters(parameter for _, parameter in mutable_flow.parameters)
            if system_context.is_launch:
                check_tags(_command_line())

    def mutate(self, mutable_flow: Any) -> None:
        """Pack the project if the command sends the flow's code to pods."""
        arguments = _command_line()
        if arguments[:2] == ["card", "create"] and packed():
            self._name_task(arguments)
        if not system_context.is_launch or not arguments or self._packed is not None:
            return
        deploys = arguments[0] in _DEPLOYERS and "create" in arguments
        uses_pods = deploys or _has_pods(mutable_flow)
        if arguments[0] not in (*_RUNS, "package") and not deploys:
            return
        sends_code = arguments[0] != "package"  # `package` only lists the code package
        with as_metaflow_says():
            if sends_code:
                _check_services(arguments, uses_pods=uses_pods)
            if uses_pods:
                check_origin(Path(inspect.getfile(self._flow_cls)).resolve().parent)
                self._packed = TemporaryDirectory(prefix="dvc-project-")
                pack(self._root, Path(self._packed.name), ask_remote=sends_code)

    def _name_task(self, arguments: list[str]) -> None:
        match = next((m for m in map(_TASK.fullmatch, arguments) if m), None)
        if match:
            name_task(self._flow_cls.__name__, *match.groups())

    def add_to_package(self) -> Iterator[tuple[str, str, ContentType]]:
        """Yield the files for Metaflow's code package."""
        if self._packed is not None:
            for name in (ARCHIVE, FACTS):
                yield f"{self._packed.name}/{name}", name, ContentType.OTHER_CONTENT


def _command_line() -> list[str]:
    """Return the command-line arguments, starting with the command."""
    context = click.get_current_context(silent=True)
    return list(getattr(context.find_root(), "saved_args", None) or ()) if context else []


def _has_pods(mutable_flow: Any) -> bool:
    return any(
        spec[0] in _REMOTE for _, step in mutable_flow.steps for spec in step.decorator_specs
    )


def _check_services(arguments: list[str], *, uses_pods: bool) -> None:
    # Imported late: tasks do not need these modules.
    from metaflow import metaflow_config as config  # noqa: PLC0415

    from .check_services import check_cluster, check_datastore, warnings  # noqa: PLC0415

    store = system_context.flow_datastore
    if store is not None and store.TYPE == "s3":
        check_datastore(store.datastore_root)
    if uses_pods:
        for text in warnings(config.KUBERNETES_CONTAINER_IMAGE or "", config.S3_ENDPOINT_URL):
            print(f"dvc-bridge: {text}", file=sys.stderr)
        if "--only-json" not in arguments:
            check_cluster(config.KUBERNETES_NAMESPACE, argo=arguments[0] not in _RUNS)
