"""`dvc-bridge flow`: a Metaflow flow from dvc.yaml, and whether one is still that of dvc.yaml."""

from __future__ import annotations

import keyword
import os
import re
import shlex
import sys
from argparse import Namespace
from pathlib import Path

from dvc_bridge.app.remote_run import warn
from dvc_bridge.app.selection import alone, chosen
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.engines.argo.manifest import slug
from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.flow_text import Level, flow_text, was_edited, words_of
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ranges import shape
from dvc_bridge.planning.grouping.group_stages import divided
from dvc_bridge.planning.grouping.levels import check_settings, levels_of, needs_of
from dvc_bridge.planning.selection import select
from dvc_bridge.remote_run.task_plan import all_for_pods


def flow(args: Namespace) -> int:
    """Write the flow, or with --check compare it; nothing is run, and no remote is asked."""
    project = find_project()
    if args.check:
        return _check(args, project)
    text = _text(args, project)
    if args.output is None:
        sys.stdout.write(text)
        return 0
    target = Path(args.output)
    if target.exists() and was_edited(_read(target)):
        raise UsageError(
            f"{args.output} was not written by this command, or was edited since",
            "move its changes elsewhere, such as a module that the stages call; delete it, then"
            " the same again",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, text, target.parent)
    print(f"wrote {args.output}; next: python {args.output} run", file=sys.stderr)
    return 0


def _check(args: Namespace, project: Project) -> int:
    if args.output is None:
        raise UsageError("--check needs the flow's file", "dvc-bridge flow -o FILE --check")
    target = Path(args.output)
    if not target.is_file():
        raise UsageError(f"there is no {args.output}", f"dvc-bridge flow -o {args.output}")
    found = _read(target)
    words = words_of(found)
    if words is None or was_edited(found):
        raise UsageError(
            f"{args.output} was not written by this command, or was edited since",
            f"delete it; dvc-bridge flow -o {args.output}",
        )
    # It is made in the words by which it was made before.
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  it is what calls us

    made_by = parser().parse_args(["flow", *shlex.split(words), "-o", args.output])
    if _text(made_by, project) != found:
        raise UsageError(
            f"{args.output} is not that of dvc.yaml any more",
            f"dvc-bridge flow {words} -o {args.output}",
        )
    print(f"{args.output} is that of dvc.yaml", file=sys.stderr)
    return 0


def _text(args: Namespace, project: Project) -> str:
    pipeline = read_pipeline(project)
    settings = read_settings(project, pipeline)
    order = select(pipeline, chosen(args, project))
    positions = all_for_pods(project, pipeline, order)
    found = divided(pipeline, positions, settings, {}, Fuse(args.fuse)).groups
    check_settings(found)
    levels = [
        Level(
            tuple(tuple(pipeline.stages[p].address for p in g.positions) for g in level),
            needs_of(level),
        )
        for level in levels_of(found)
    ]
    name, words = _name(args, project), _words(args)
    file = Path(args.output or "flow.py")
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
        alone=alone(args) or (args.downstream and not args.all_pipelines),
    )


def _name(args: Namespace, project: Project) -> str:
    usual = "".join(map(str.title, slug(project.root.name).split("-"))) + "Flow"
    name = args.name or (usual if usual[0].isalpha() else f"The{usual}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]{0,39}", name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name} cannot be a flow's name", "--name with letters and digits alone, at most 40"
        )
    return name


def _words(args: Namespace) -> str:
    """Give the words that make the same again, wherever the project's folder is."""
    flags = [
        f"--{key.replace('_', '-')}"
        for key in ("single_item", "all_pipelines", "downstream")
        if getattr(args, key)
    ]
    return shlex.join(["--fuse", args.fuse, *flags, *args.targets])


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        warn(f"{file}: {exc}")
        return ""
