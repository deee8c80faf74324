"""`@dvc_project`: a flow whose pods have its DVC project, and whose inputs are checked."""

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
from .inputs import check_origin, check_parameters, check_tags
from .metadata import name_task
from .package import ARCHIVE, FACTS, pack, packed

# Decorators of steps that run elsewhere.
_REMOTE = frozenset({"kubernetes", "batch"})
_TASK = re.compile("([^/]+)/([^/]+)/([^/]+)")
_RUNS = ("run", "resume")
_DEPLOYERS = ("argo-workflows", "airflow", "step-functions")


class dvc_project(FlowMutator):  # noqa: N801  a decorator
    """Return the pods of a flow its DVC project, and check what the flow is given.

    Parameters
    ----------
    root : Path
        The project's folder, which holds `.dvc`.

    A command that sends steps to pods (`run --with kubernetes`, `argo-workflows create`) puts the
    project into the code package, without what git ignores, what DVC tracks and what is called
    like a secret. Before that it sees that the datastore, the cluster and the DVC remote answer:
    in seconds, and with what to do if they do not. Where no step leaves this machine, nothing is
    packed.

    Values of parameters and tags that a shell in a pod would change are refused by name, whoever
    sets them; so is an address of the git remote with credentials in it.
    """

    def init(self, *_: Any, root: Path) -> None:
        """Take the project's folder."""
        self._root = Path(root)
        self._packed: TemporaryDirectory[str] | None = None

    def pre_mutate(self, mutable_flow: Any) -> None:
        """Check the words of the command, and have parameters check their values."""
        with as_metaflow_says():
            check_parameters(parameter for _, parameter in mutable_flow.parameters)
            if system_context.is_launch:
                check_tags(_command())

    def mutate(self, mutable_flow: Any) -> None:
        """Pack the project, where a command is about to send the flow's code to pods."""
        words = _command()
        if words[:2] == ["card", "create"] and packed():
            self._name_task(words)
        if not system_context.is_launch or not words or self._packed is not None:
            return
        deploys = words[0] in _DEPLOYERS and "create" in words
        away = deploys or _has_pods(mutable_flow)
        if words[0] not in (*_RUNS, "package") and not deploys:
            return
        sends = words[0] != "package"  # which only shows what would be sent
        with as_metaflow_says():
            if sends:
                _look_ahead(words, away=away)
            if away:
                check_origin(Path(inspect.getfile(self._flow_cls)).resolve().parent)
                self._packed = TemporaryDirectory(prefix="dvc-project-")
                pack(self._root, Path(self._packed.name), ask_remote=sends)

    def _name_task(self, words: list[str]) -> None:
        found = next((m for m in map(_TASK.fullmatch, words) if m), None)
        if found:
            name_task(self._flow_cls.__name__, *found.groups())

    def add_to_package(self) -> Iterator[tuple[str, str, ContentType]]:
        """Return Metaflow the files."""
        if self._packed is not None:
            for name in (ARCHIVE, FACTS):
                yield f"{self._packed.name}/{name}", name, ContentType.OTHER_CONTENT


def _command() -> list[str]:
    """Return the words of the command line from the command on."""
    context = click.get_current_context(silent=True)
    return list(getattr(context.find_root(), "saved_args", None) or ()) if context else []


def _has_pods(mutable_flow: Any) -> bool:
    return any(
        spec[0] in _REMOTE for _, step in mutable_flow.steps for spec in step.decorator_specs
    )


def _look_ahead(words: list[str], *, away: bool) -> None:
    # Imported late: tasks need none of it.
    from metaflow import metaflow_config as config  # noqa: PLC0415

    from .preflight import check_cluster, check_datastore, warnings  # noqa: PLC0415

    store = system_context.flow_datastore
    if store is not None and store.TYPE == "s3":
        check_datastore(store.datastore_root)
    if away:
        for text in warnings(config.KUBERNETES_CONTAINER_IMAGE or "", config.S3_ENDPOINT_URL):
            print(f"dvc-bridge: {text}", file=sys.stderr)
        if "--only-json" not in words:
            check_cluster(config.KUBERNETES_NAMESPACE, argo=words[0] not in _RUNS)
