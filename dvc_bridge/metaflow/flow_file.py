"""Generate a Metaflow flow from dvc.yaml, and check that a flow still matches dvc.yaml."""

from __future__ import annotations

import keyword
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dvc_bridge.app.current_folder import from_here
from dvc_bridge.dvcio.output_file import write_output
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.errors import DifferenceError, UsageError
from dvc_bridge.metaflow.flow_levels import check_settings, levels_of, needs_of
from dvc_bridge.metaflow.flow_text import Level, flow_text, was_edited, words_of
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ids import slug
from dvc_bridge.pipeline.ranges import shape
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.planning.grouping.tasks_from_settings import divide_into_tasks
from dvc_bridge.planning.targets import Selection, select
from dvc_bridge.remote_run.settle import positions_for_pods


@dataclass(frozen=True)
class FlowRequest:
    """The arguments that determine a flow.

    Parameters
    ----------
    output
        The flow's file; None for standard output.
    name
        The name of the flow; None derives it from the project's folder.
    """

    selection: Selection
    output: str | None = None
    name: str | None = None
    fuse: Fuse = Fuse.CHAINS


# Parses the arguments with which an existing flow was generated.
ReadArguments = Callable[[list[str]], FlowRequest]


def flow(request: FlowRequest) -> str:
    """Return the text of a flow, without running anything or contacting a remote."""
    return _text(request, find_project())


def write_flow(request: FlowRequest, output: str) -> None:
    """Write a flow to a file.

    Raises
    ------
    UsageError
        The file was edited; it is not changed.
    """
    text = flow(request)
    target = Path(output)
    if target.is_file() and was_edited(_read(target)):
        raise UsageError(
            f"{output} was not written by this command, or was edited afterwards",
            "move your changes to another file, such as a module that the stages call; delete"
            f" {output}, then run this command again",
        )
    write_output(output, text)


def check_flow(output: str, read_arguments: ReadArguments) -> None:
    """Check that a flow's file matches the flow that dvc.yaml generates now.

    Raises
    ------
    DifferenceError
        The file does not match.
    UsageError
        The file does not exist, or was edited.
    """
    target = Path(output)
    if not target.is_file():
        raise UsageError(f"{output} does not exist", f"dvc-bridge flow -o {output}")
    current = _read(target)
    arguments = words_of(current)
    if arguments is None or was_edited(current):
        raise UsageError(
            f"{output} was not written by this command, or was edited afterwards",
            f"delete it; dvc-bridge flow -o {output}",
        )
    # Generate it with the arguments that it was generated with before.
    request = read_arguments(["flow", *shlex.split(arguments), "-o", output])
    if flow(request) != current:
        raise DifferenceError(
            f"{output} differs from the flow that dvc.yaml generates now",
            f"dvc-bridge flow {arguments} -o {output}",
        )


def _text(request: FlowRequest, project: Project) -> str:
    pipeline = read_pipeline(project)
    settings = read_settings(project, pipeline)
    selection = request.selection
    order = select(pipeline, from_here(selection, project))
    positions = positions_for_pods(project, pipeline, order)
    groups = divide_into_tasks(pipeline, positions, settings, {}, Costs(), request.fuse).groups
    check_settings(groups)
    levels = [
        Level(
            tuple(tuple(pipeline.stages[p].address for p in g.positions) for g in level),
            needs_of(level),
        )
        for level in levels_of(groups)
    ]
    name, arguments = _flow_name(request, project), _arguments(request)
    file = Path(request.output or "flow.py")
    if not re.fullmatch(r"[\w.-]+", file.name) or not arguments.isprintable():
        # The flow's text contains them outside of a literal.
        raise UsageError(
            f"{file.name} {arguments}: a flow cannot contain this file name or these targets",
            "use a file name of letters, digits and _.-, and targets without line breaks",
        )
    root = os.path.relpath(project.root, file.resolve().parent)
    return flow_text(
        levels,
        name,
        file.name,
        root,
        shape(pipeline),
        f"--name {name} {arguments}",
        alone=selection.alone or (selection.downstream and not selection.all_pipelines),
    )


def _flow_name(request: FlowRequest, project: Project) -> str:
    default = "".join(map(str.title, slug(project.root.name).split("-"))) + "Flow"
    name = request.name or (default if default[0].isalpha() else f"The{default}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]{0,39}", name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name} is not a valid flow name",
            "use --name with letters and digits only, at most 40, starting with a letter",
        )
    return name


def _arguments(request: FlowRequest) -> str:
    """Return the arguments that generate this flow again, independent of the project's path."""
    selection = request.selection
    switches = {
        "--single-item": selection.single_item,
        "--all-pipelines": selection.all_pipelines,
        "--downstream": selection.downstream,
        "--pipeline": selection.pipeline,
        "--recursive": selection.recursive,
        "--glob": selection.glob,
    }
    flags = [flag for flag, is_on in switches.items() if is_on]
    return shlex.join(["--fuse", request.fuse.value, *flags, *selection.targets])


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # not a generated flow
