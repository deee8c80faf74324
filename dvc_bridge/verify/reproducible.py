"""Check that each stage makes the same outs from its deps alone, which no parallel run can detect.

Each stage's command runs again in a folder that contains only the deps and parameter files which
dvc.yaml names. Outs that differ from those in dvc.lock come from undeclared files, from another
stage that wrote at the same time, or from a command that is not deterministic; a second run in a
second folder detects the last case.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from dvc_bridge.dvcio.hashes import Hashes
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.dvcignore import DvcIgnore
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import StoppedError, UsageError
from dvc_bridge.local.history import History
from dvc_bridge.local.process import Ended, Processes
from dvc_bridge.local.signals import forward_signals
from dvc_bridge.pipeline.lock_entry import lock_pointers
from dvc_bridge.pipeline.numbering import RunIndex, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Stage, StageKind
from dvc_bridge.planning.changes import UndecidedError, changes
from dvc_bridge.ui.view import View
from dvc_bridge.verify.copy_tree import copy_tree

DVCIGNORE = ".dvcignore"


@dataclass
class Verified:
    """The results of running every stage again.

    Parameters
    ----------
    checked
        The addresses of the stages that ran again.
    found
        Address -> the problems of the stage, one line each.
    unchecked
        Address -> why a stage with a command did not run again.
    """

    checked: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{address}: not checked, {why}" for address, why in self.unchecked.items()]
        equal_count = len(self.checked) - len(self.found)
        lines.append(f"{equal_count} of {len(self.checked)} make the same outs in a clean copy")
        return "\n".join(lines)


def verify(project: Project, stages: Sequence[Stage], view: View) -> Verified:
    """Run the stages again one by one, each in a clean copy, and return the differences.

    Call with the repository's lock held, after a run. The project is only read.

    Raises
    ------
    UsageError
        A stage is not up to date, so there is nothing to compare it with.
    StoppedError
        A signal ended the check.
    """
    commands = [stage for stage in stages if stage.kind is StageKind.STAGE]
    unchecked = {
        stage.address: obstacle for stage in commands if (obstacle := _find_obstacle(stage))
    }
    checked = [stage for stage in commands if stage.address not in unchecked]
    unchecked |= _find_undecidable(project, checked)
    checked = [stage for stage in checked if stage.address not in unchecked]
    verified = Verified([stage.address for stage in checked], unchecked=unchecked)
    project.scratch.mkdir(parents=True, exist_ok=True)
    checker = _StageChecker(project, view)
    with (
        forward_signals(checker.processes.events.put),
        view.shown(verified.checked, History(project).seconds, [()] * len(checked)),
    ):
        for index, stage in numbered(RunIndex, checked):
            view.started(index, stage.command_lines)
            problems = list(checker.find_problems(index, stage))
            for problem in problems:
                view.line(index, problem)
            if problems:
                verified.found[stage.address] = problems
            view.ended(index, Outcome.FAILED if problems else Outcome.RAN)
    return verified


def _find_obstacle(stage: Stage) -> str:
    """Return why its deps do not determine its outs; empty if they do."""
    if stage.frozen:
        return "it is frozen"
    if not stage.outs:
        return "it has no outs"
    if any(out.persist for out in stage.outs):
        return "an out persists, so the stage starts from earlier results"
    return "" if stage.is_local else "it reads or writes outside the project"


def _find_undecidable(project: Project, stages: Sequence[Stage]) -> dict[str, str]:
    """Check that the stages are up to date; return the stages that only DVC can decide."""
    workspace, undecidable, stale = Workspace(project), {}, []
    for stage in stages:
        try:
            if any(change.what != "always" for change in changes(stage, workspace)):
                stale.append(stage.address)
        except UndecidedError:
            undecidable[stage.address] = "only DVC can decide whether it is up to date"
    workspace.hashes.save()
    if stale:
        raise UsageError(
            f"not up to date: {', '.join(stale)}", "run dvc-bridge repro, then --verify again"
        )
    return undecidable


class _StageChecker:
    """Runs one stage after the other in clean folders."""

    def __init__(self, project: Project, view: View) -> None:
        self._project, self._journal = project, History(project)
        self.processes = Processes(view.line, view.passing)

    def find_problems(self, index: RunIndex, stage: Stage) -> Iterator[str]:
        """Yield how the outs from the deps alone differ from those in dvc.lock."""
        first = self._run_command(index, stage)
        if isinstance(first, str):
            yield f"fails with its deps alone: {first}"
            return
        pointers = lock_pointers(stage.lock, "outs")
        md5s = {path: pointer.get("md5") for path, pointer in pointers.items()}
        different = [o.path for o in stage.outs if first[o.path] != md5s.get(o.path)]
        second = self._run_command(index, stage) if different else {}
        for path in different:
            if isinstance(second, str) or second[path] != first[path]:
                yield f"out {path} differs each time the command runs"
            elif first[path] is None:
                yield f"out {path} is not created from the deps alone"
            else:
                yield f"out {path} differs with the deps alone: the command read an undeclared file"

    def _run_command(self, index: RunIndex, stage: Stage) -> dict[str, str | None] | str:
        """Return the md5s of the outs that the command writes in a clean copy, or its failure."""
        project = self._project
        with tempfile.TemporaryDirectory(prefix="verify-", dir=project.scratch) as name:
            root = Path(name).resolve() / "project"
            _create_copy(project, stage, root)
            # Compiled modules next to a dep would be undeclared files.
            extra_environment = {"DVC_ROOT": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
            command = dvc_stage.command(
                project, stage, {**dvc_stage.base_environment(), **extra_environment}
            )
            command = replace(command, cwd=str(root / stage.wdir))
            log = self._journal.log(f"verify {stage.address}")
            self.processes.start(index, command, log)
            end = self._wait_for_end()
            if end.code:
                return f"`{end.failed}` exited with {end.code}"
            hashes = Hashes(Path(name, "hashes"), DvcIgnore(replace(project, root=root)))
            try:
                pointers = {
                    o.path: hashes.pointer(str(root / o.at), large=True) for o in stage.outs
                }
            except UndecidedError:
                return "only DVC can hash its outs"
            return {
                path: str(pointer["md5"]) if pointer else None for path, pointer in pointers.items()
            }

    def _wait_for_end(self) -> Ended:
        stopped = 0
        while not isinstance(event := self.processes.events.get(), Ended):
            self.processes.stop(event.signal, kill=bool(stopped))
            stopped = event.signal
        if stopped:
            raise StoppedError(stopped, kept=False)
        return event


def _create_copy(project: Project, stage: Stage, root: Path) -> None:
    """Create a folder with the stage's deps and the .dvcignore files that apply to its paths."""
    for path in sorted(read.at for read in stage.reads):  # a folder before its content
        source, target = project.root / path, root / path
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            copy_tree(source, target, skip=[project.root / ".dvc"])
        elif source.exists():
            shutil.copy2(source, target)
    (root / ".dvc").mkdir(parents=True)
    (root / stage.wdir).mkdir(parents=True, exist_ok=True)
    for path_item in (*stage.reads, *stage.outs):
        (root / path_item.at).parent.mkdir(parents=True, exist_ok=True)
        for folder in PurePosixPath(path_item.at).parents:
            if (project.root / folder / DVCIGNORE).is_file():
                shutil.copy2(project.root / folder / DVCIGNORE, root / folder / DVCIGNORE)
