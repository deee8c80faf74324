"""The stages that command-line targets select, by the rules of `dvc repro`."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline
from dvc_bridge.planning.graph import connected_order, execution_order

# A path, optionally followed by a colon and a name; the part after @ may contain any character.
_TARGET = re.compile(r"(?P<path>.*?)(?::(?P<name>[^\\/:]*))?$")


@dataclass(frozen=True)
class Selection:
    """A selection of stages, with the options of `dvc repro`.

    Parameters
    ----------
    targets
        Names, `path/dvc.yaml:name`, groups of foreach or matrix, dvc.yaml or .dvc files.
        None: the dvc.yaml of `folder`.
    folder
        The folder in which the user ran the command, from the root.
    pipeline
        Whether all stages are selected that are connected to a target.
    glob
        Whether the names in targets are patterns.
    recursive
        Whether a target that is a folder selects the stages of all files in it.
    folders
        The targets that are folders; only for `recursive`.
    """

    targets: tuple[str, ...] = ()
    folder: str = "."
    single_item: bool = False
    downstream: bool = False
    pipeline: bool = False
    all_pipelines: bool = False
    glob: bool = False
    recursive: bool = False
    folders: frozenset[str] = frozenset()

    @property
    def alone(self) -> bool:
        """Whether the targets run without other stages; whole pipelines override it."""
        return self.single_item and not (self.pipeline or self.all_pipelines)


def select(pipeline: Pipeline, selection: Selection) -> list[StagePosition]:
    """Return the positions of the selected stages, in the order of `dvc repro`.

    A dvc.yaml without stages selects the whole project, as with `dvc repro`.

    Raises
    ------
    UsageError
        Targets match nothing; one message lists all of them.
    """
    if selection.all_pipelines:
        return execution_order(pipeline, None)
    chosen: dict[StagePosition, None] = {}
    problems = []
    for target in selection.targets or (DVC_YAML,):
        positions = _match_target(pipeline, target, selection)
        if positions is None:
            problems.append(_describe_missing(pipeline, target, selection))
        chosen.update(dict.fromkeys(positions or ()))
    if problems:
        raise UsageError("\n".join(problems), "`dvc stage list --all` lists all stages")
    if selection.alone:
        return list(chosen)
    if selection.pipeline:
        return connected_order(pipeline, list(chosen))
    return execution_order(pipeline, list(chosen), downstream=selection.downstream)


def _match_target(
    pipeline: Pipeline, target: str, selection: Selection
) -> list[StagePosition] | None:
    """Return the stages of a target, empty for a file without stages; None if it does not exist."""
    stages = pipeline.stages
    if target in selection.folders:
        folder = posixpath.normpath(posixpath.join(selection.folder, target))
        order = execution_order(pipeline, None)
        return [p for p in order if folder == "." or stages[p].file.startswith(f"{folder}/")]
    path, name = (_split_pattern if selection.glob else _split_target)(target)
    file = posixpath.normpath(posixpath.join(selection.folder, path))
    positions = [position for position in pipeline.positions if stages[position].file == file]
    if not name:
        return positions if file in pipeline.files else None
    if (file, name) in pipeline.groups:
        return [position for position in positions if stages[position].group == name]
    if selection.glob:
        matching = [p for p in positions if fnmatchcase(stages[p].name, name)]
        return matching if file in pipeline.files else None
    return [position for position in positions if stages[position].name == name] or None


def files_of(selection: Selection) -> list[str] | None:
    """Return the files, from the root, that define the selected stages; None: all files.

    With `--single-item` DVC reads no other files, whatever they contain.
    """
    if not selection.alone or selection.folders:
        return None
    split = _split_pattern if selection.glob else _split_target
    paths = (split(target)[0] for target in selection.targets or (DVC_YAML,))
    return [posixpath.normpath(posixpath.join(selection.folder, path)) for path in paths]


def _split_pattern(target: str) -> tuple[str, str]:
    path, _, pattern = target.rpartition(":")
    return path or DVC_YAML, pattern


def _split_target(target: str) -> tuple[str, str]:
    prefix, separator, key = target.partition("@")
    match = _TARGET.match(prefix)
    path, name = (match["path"], match["name"]) if match else (target, None)
    if name:
        return path or DVC_YAML, name + separator + key
    if target.endswith(".dvc") or posixpath.basename(target) == DVC_YAML:
        return target, ""
    return DVC_YAML, target


def _describe_missing(pipeline: Pipeline, target: str, selection: Selection) -> str:
    path, name = (_split_pattern if selection.glob else _split_target)(target)
    if not name or selection.glob:
        return f"there is no {posixpath.normpath(posixpath.join(selection.folder, path))}"
    return f"no stage {target}{_suggest(pipeline, target)}"


def _suggest(pipeline: Pipeline, target: str) -> str:
    names: Sequence[str] = [
        *(stage.address for stage in pipeline.stages),
        *{stage.group for stage in pipeline.stages if stage.group},
    ]
    close = difflib.get_close_matches(target, names, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""
