"""`@dvc_project`: a flow whose pods have its DVC project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from metaflow import FlowMutator
from metaflow._vendor import click
from metaflow.packaging_sys import ContentType
from metaflow.system_context import system_context

from .errors import as_metaflow_says
from .package import ARCHIVE, FACTS, pack

# Decorators of steps that run elsewhere.
_REMOTE = frozenset({"kubernetes", "batch"})


class dvc_project(FlowMutator):  # noqa: N801  a decorator
    """Put a DVC project into the flow's code package, for steps that run in pods.

    Parameters
    ----------
    root : Path
        The project's folder, which holds `.dvc`.

    Nothing is packed when no step leaves this machine.
    """

    def init(self, *_: Any, root: Path) -> None:
        """Take the project's folder."""
        self._root = Path(root)
        self._packed: TemporaryDirectory[str] | None = None

    def mutate(self, mutable_flow: Any) -> None:
        """Pack the project, where a command is about to send the flow's code to pods."""
        if self._packed is None and _leaves_this_machine(mutable_flow, _command()):
            self._packed = TemporaryDirectory(prefix="dvc-project-")
            with as_metaflow_says():
                pack(self._root, Path(self._packed.name))

    def add_to_package(self) -> Iterator[tuple[str, str, ContentType]]:
        """Give Metaflow the files."""
        if self._packed is not None:
            for name in (ARCHIVE, FACTS):
                yield f"{self._packed.name}/{name}", name, ContentType.OTHER_CONTENT


def _command() -> list[str]:
    """Give the words of the command line from the command on."""
    context = click.get_current_context(silent=True)
    return list(getattr(context.find_root(), "saved_args", None) or ()) if context else []


def _leaves_this_machine(mutable_flow: Any, words: list[str]) -> bool:
    if not system_context.is_launch:
        return False
    if words[:1] in (["run"], ["resume"], ["package"]):
        return any(
            spec[0] in _REMOTE for _, step in mutable_flow.steps for spec in step.decorator_specs
        )
    return "create" in words[1:]
