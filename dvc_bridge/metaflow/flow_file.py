"""A Metaflow flow made from dvc.yaml, and whether a flow is still what dvc.yaml gives."""

from __future__ import annotations

import keyword
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dvc_bridge.app.context import from_here
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.flow_text import Level, flow_text, was_edited, words_of
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ids import slug
from dvc_bridge.pipeline.ranges import shape
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.planning.grouping.group_stages import group_stages
from dvc_bridge.planning.grouping.levels import check_settings, levels_of, needs_of
from dvc_bridge.planning.selection import Selection, select
from dvc_bridge.remote_run.task_plan import positions_for_pods


@dataclass(frozen=True)
class FlowRequest:
    """Which flow is meant.

    Parameters
    ----------
    output
        The flow's file; None: standard output.
    name
        Of the flow; None: after the project's folder.
    """

    selection: Selection
    output: str | None = None
    name: str | None = None
    fuse: Fuse = Fuse.CHAINS


# Reads the arguments by which a flow was made before.
ReadArguments = Callable[[list[str]], FlowRequest]


def flow(request: FlowRequest) -> str:
    """Return the text of a flow; nothing is run, and no remote is asked."""
    return _text(request, find_project())


def write_flow(request: FlowRequest, output: str) -> None:
    """Write a flow to a file.

    Raises
    ------
    UsageError
        The file has changes of its own; it stays.
    """
    text = flow(request)
    target = Path(output)
    if target.exists() and was_edited(_read(target)):
        raise UsageError(
            f"{output} was not written by this command, or was edited since",
            "move its changes elsewhere, such as a module that the stages call; delete it, then"
            " run this command again",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, text, target.parent)


def check_flow(output: str, read_arguments: ReadArguments) -> None:
    """Check that a flow's file is what dvc.yaml would give now.

    Raises
    ------
    UsageError
        It is not.
    """
    target = Path(output)
    if not target.is_file():
        raise UsageError(f"there is no {output}", f"dvc-bridge flow -o {output}")
    found = _read(target)
    words = words_of(found)
    if words is None or was_edited(found):
        raise UsageError(
            f"{output} was not written by this command, or was edited since",
            f"delete it; dvc-bridge flow -o {output}",
        )
    # It is made with the arguments by which it was made before.
    made_by = read_arguments(["flow", *shlex.split(words), "-o", output])
    if flow(made_by) != found:
        raise UsageError(
            f"{output} differs from what dvc.yaml gives now",
            f"dvc-bridge flow {words} -o {output}",
        )


def _text(request: FlowRequest, project: Project) -> str:
    pipeline = read_pipeline(project)
    settings = read_settings(project, pipeline)
    selection = request.selection
    order = select(pipeline, from_here(selection, project))
    positions = positions_for_pods(project, pipeline, order)
    groups = group_stages(pipeline, positions, settings, {}, Costs(), request.fuse).groups
    check_settings(groups)
    levels = [
        Level(
            tuple(tuple(pipeline.stages[p].address for p in g.positions) for g in level),
            needs_of(level),
        )
        for level in levels_of(groups)
    ]
    name, words = _name(request, project), _words(request)
    file = Path(request.output or "flow.py")
    if not re.fullmatch(r"[\w.-]+", file.name) or not words.isprintable():
        # They stand in the flow's text, outside of a literal.
        raise UsageError(
            f"{file.name} {words}: not a file and targets that a flow can name",
            "a file of letters, digits and _.-; targets without line breaks",
        )
    root = os.path.relpath(project.root, file.resolve().parent)
    return flow_text(
        levels,
        name,
        file.name,
        root,
        shape(pipeline),
        f"--name {name} {words}",
        alone=selection.alone or (selection.downstream and not selection.all_pipelines),
    )


def _name(request: FlowRequest, project: Project) -> str:
    usual = "".join(map(str.title, slug(project.root.name).split("-"))) + "Flow"
    name = request.name or (usual if usual[0].isalpha() else f"The{usual}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]{0,39}", name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name} cannot be a flow's name", "--name with letters and digits alone, at most 40"
        )
    return name


def _words(request: FlowRequest) -> str:
    """Return the arguments that make this flow again, wherever the project's folder is."""
    selection = request.selection
    flags = {
        "--single-item": selection.single_item,
        "--all-pipelines": selection.all_pipelines,
        "--downstream": selection.downstream,
    }
    given = [flag for flag, is_on in flags.items() if is_on]
    return shlex.join(["--fuse", request.fuse.value, *given, *selection.targets])


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # not a flow of ours
