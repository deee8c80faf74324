"""Does a stage make the same outs from its deps alone? What a parallel run cannot see, this can.

Each stage's command runs again in an empty folder that holds the deps and parameter files which
dvc.yaml names, and nothing else. Outs that differ from those in dvc.lock come from files that are
not declared, from another stage that wrote at the same time, or from a command that does not give
the same result twice; a second try in a second folder tells the last from the others.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from dvc_bridge.dvcio.hashes import Hashes
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.discovery import DvcIgnore
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import StoppedError, UsageError
from dvc_bridge.local.history import History
from dvc_bridge.local.process import Ended, Processes
from dvc_bridge.local.signals import forward_signals
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Stage, StageKind
from dvc_bridge.planning.changes import UndecidedError, changes, locked
from dvc_bridge.ui.view import View
from dvc_bridge.verify.copy_tree import copy_tree

DVCIGNORE = ".dvcignore"


@dataclass
class Verified:
    """What a second run of every stage has shown.

    Parameters
    ----------
    checked
        The addresses of the stages that ran again.
    found
        Address -> what is wrong with the stage, one line each.
    unchecked
        Address -> why a stage with a command did not run again.
    """

    checked: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)


def verify(project: Project, stages: Sequence[Stage], view: View) -> Verified:
    """Run the stages again one by one, each in a clean copy, and say what differs.

    Call with the repository's lock held, after a run. The project is only read.

    Raises
    ------
    UsageError
        A stage is not up to date: there is nothing to compare it with.
    StoppedError
        A signal has ended it.
    """
    commands = [stage for stage in stages if stage.kind is StageKind.STAGE]
    unchecked = {stage.address: why for stage in commands if (why := _obstacle(stage))}
    checked = [stage for stage in commands if stage.address not in unchecked]
    unchecked |= _only_for_dvc(project, checked)
    checked = [stage for stage in checked if stage.address not in unchecked]
    verified = Verified([stage.address for stage in checked], unchecked=unchecked)
    project.scratch.mkdir(parents=True, exist_ok=True)
    again = _Again(project, view)
    with (
        forward_signals(again.processes.events.put),
        view.shown(verified.checked, History(project).seconds, [()] * len(checked)),
    ):
        for place, stage in enumerate(checked):
            view.started(place)
            said = list(again.unlike(place, stage))
            for text in said:
                view.line(place, text)
            if said:
                verified.found[stage.address] = said
            view.ended(place, Outcome.FAILED if said else Outcome.RAN)
    return verified


def _obstacle(stage: Stage) -> str:
    """Why its outs are not determined by its deps; empty where they are."""
    if stage.frozen:
        return "it is frozen"
    if not stage.outs:
        return "it has no outs"
    if any(out.persist for out in stage.outs):
        return "an out persists: it starts from what it made before"
    return "" if stage.is_local else "it reads or writes outside the project"


def _only_for_dvc(project: Project, stages: Sequence[Stage]) -> dict[str, str]:
    """Check that the stages are up to date; give those of which only DVC can say that."""
    workspace, unsure, stale = Workspace(project), {}, []
    for stage in stages:
        try:
            if any(change.what != "always" for change in changes(stage, workspace)):
                stale.append(stage.address)
        except UndecidedError:
            unsure[stage.address] = "only DVC can tell whether it is up to date"
    workspace.hashes.save()
    if stale:
        raise UsageError(
            f"not up to date: {', '.join(stale)}", "dvc-bridge repro, then --verify again"
        )
    return unsure


class _Again:
    """Runs one stage after the other in clean folders."""

    def __init__(self, project: Project, view: View) -> None:
        self._project, self._journal = project, History(project)
        self.processes = Processes(view.line, view.passing)

    def unlike(self, place: int, stage: Stage) -> Iterator[str]:
        """Say how the outs that deps alone give differ from those in dvc.lock."""
        first = self._run(place, stage)
        if isinstance(first, str):
            yield f"fails with its deps alone: {first}"
            return
        known = locked(stage.lock or {}, "outs")
        unlike = [o.path for o in stage.outs if first[o.path] != known.get(o.path, {}).get("md5")]
        second = self._run(place, stage) if unlike else {}
        for path in unlike:
            if isinstance(second, str) or second[path] != first[path]:
                yield f"out {path} is different each time that the command runs"
            elif first[path] is None:
                yield f"out {path} is not made from its deps alone"
            else:
                yield f"out {path} is not what the deps alone give: something undeclared was read"

    def _run(self, place: int, stage: Stage) -> dict[str, str | None] | str:
        """Return the md5s of the outs that the command makes in a clean copy, or how it failed."""
        project = self._project
        with tempfile.TemporaryDirectory(prefix="verify-", dir=project.scratch) as name:
            root = Path(name).resolve() / "project"
            _lay_out(project, stage, root)
            # Compiled modules beside a dep would be files that nobody declared.
            own = {"DVC_ROOT": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
            command = dvc_stage.command(project, stage, {**dvc_stage.base_environment(), **own})
            command = replace(command, cwd=str(root / stage.wdir))
            log = self._journal.log(f"verify {stage.address}")
            self.processes.start(place, command, log)
            ended = self._ended()
            if ended.code:
                return f"`{ended.failed}` exited with {ended.code}"
            hashes = Hashes(Path(name, "hashes"), DvcIgnore(replace(project, root=root)))
            try:
                found = {o.path: hashes.pointer(str(root / o.at), large=True) for o in stage.outs}
            except UndecidedError:
                return "it makes what only DVC can hash"
            return {
                path: str(pointer["md5"]) if pointer else None for path, pointer in found.items()
            }

    def _ended(self) -> Ended:
        stopped = 0
        while not isinstance(event := self.processes.events.get(), Ended):
            self.processes.stop(event.signal, kill=bool(stopped))
            stopped = event.signal
        if stopped:
            raise StoppedError(stopped, kept=False)
        return event


def _lay_out(project: Project, stage: Stage, root: Path) -> None:
    """Make a folder with the stage's deps, and with what DVC ignores beside its paths."""
    for at in sorted(read.at for read in stage.reads):  # a folder before what is in it
        source, target = project.root / at, root / at
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            copy_tree(source, target, skip=[project.root / ".dvc"])
        elif source.exists():
            shutil.copy2(source, target)
    (root / ".dvc").mkdir(parents=True)
    (root / stage.wdir).mkdir(parents=True, exist_ok=True)
    for end in (*stage.reads, *stage.outs):
        (root / end.at).parent.mkdir(parents=True, exist_ok=True)
        for folder in PurePosixPath(end.at).parents:
            if (project.root / folder / DVCIGNORE).is_file():
                shutil.copy2(project.root / folder / DVCIGNORE, root / folder / DVCIGNORE)
