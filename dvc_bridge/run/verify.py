"""Does a stage make the same outs from its deps alone? What a parallel run cannot see, this can.

Each stage's command runs again in an empty folder that holds the deps and parameter files which
dvc.yaml names, and nothing else. Outs that differ from those in dvc.lock come from files that are
not declared, from another stage that wrote at the same time, or from a command that does not give
the same result twice; a second try in a second folder tells the last from the others.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dvc_bridge.dvcio import stage as steps
from dvc_bridge.dvcio.discover import DvcIgnore
from dvc_bridge.dvcio.hashes import Hashes
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.plan.decide import locked
from dvc_bridge.plan.pipeline import Kind, Stage
from dvc_bridge.run.copies import copy_tree
from dvc_bridge.run.journal import Journal
from dvc_bridge.run.outcome import Outcome
from dvc_bridge.run.process import Ended, Processes
from dvc_bridge.run.view import View


def verify(project: Project, stages: Sequence[Stage], view: View) -> list[str]:
    """Run the stages again one by one, each in a clean copy, and say what differs.

    Call with the repository's lock held, after a run. The project is only read.

    Raises
    ------
    UsageError
        A stage has not run yet.
    """
    checked = [stage for stage in stages if _can_be_checked(stage)]
    if unknown := [stage.address for stage in checked if stage.lock is None]:
        raise UsageError(
            f"not in dvc.lock yet: {', '.join(unknown)}", "dvc-bridge repro, then --verify"
        )
    found: list[str] = []
    journal = Journal(project)
    project.scratch.mkdir(parents=True, exist_ok=True)
    with view.shown([stage.address for stage in checked], journal.seconds):
        for place, stage in enumerate(checked):
            view.started(place)
            said = list(_unlike(project, stage, place, view, journal))
            for text in said:
                view.line(place, text)
            found += [f"{stage.address}: {text}" for text in said]
            view.ended(place, Outcome.FAILED if said else Outcome.RAN)
    return found


def _can_be_checked(stage: Stage) -> bool:
    """Whether it has a command and outs that deps alone determine."""
    made = [out for out in stage.outs if not out.persist]
    return stage.kind is Kind.STAGE and not stage.frozen and bool(made) and stage.is_local


def _unlike(
    project: Project, stage: Stage, place: int, view: View, journal: Journal
) -> Iterator[str]:
    first = _run_alone(project, stage, place, view, journal)
    if isinstance(first, str):
        yield f"fails with its deps alone: {first}"
        return
    expected = {
        out.path: locked(stage.lock or {}, "outs").get(out.path, {}).get("md5")
        for out in stage.outs
        if not out.persist
    }
    unlike = [path for path, md5 in expected.items() if first.get(path) != md5]
    if not unlike:
        return
    second = _run_alone(project, stage, place, view, journal)
    for path in unlike:
        if isinstance(second, str) or second.get(path) != first.get(path):
            yield f"out {path} is different each time that the command runs"
        elif first.get(path) is None:
            yield f"out {path} is not made from its deps alone"
        else:
            yield f"out {path} is not what its deps alone give: it has read something undeclared"


def _run_alone(
    project: Project, stage: Stage, place: int, view: View, journal: Journal
) -> dict[str, str | None] | str:
    """Give the md5s of the outs that the command makes in a clean copy, or how it failed."""
    with tempfile.TemporaryDirectory(prefix="verify-", dir=project.scratch) as name:
        root = Path(name).resolve()
        _lay_out(project, stage, root)
        processes = Processes(view.line)
        command = steps.command(project, stage, _environment(root))
        alone = steps.Command(
            command.lines, command.argv, str(root / stage.wdir), {**command.env, **_own(root)}
        )
        processes.start(place, alone, journal.log(f"verify {stage.address}"))
        ended = processes.events.get()
        if isinstance(ended, Ended) and ended.code:
            return f"`{ended.failed}` exited with {ended.code}"
        hashes = Hashes(root / ".hashes", DvcIgnore(project))
        pointers = {out.path: hashes.pointer(str(root / out.at), large=True) for out in stage.outs}
        return {path: str(found["md5"]) if found else None for path, found in pointers.items()}


def _environment(root: Path) -> Mapping[str, str]:
    return {**steps.base_environment(), **_own(root)}


def _own(root: Path) -> dict[str, str]:
    # Compiled modules beside a dep would be files that nobody declared.
    return {"DVC_ROOT": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def _lay_out(project: Project, stage: Stage, root: Path) -> None:
    (root / ".dvc").mkdir()
    (root / stage.wdir).mkdir(parents=True, exist_ok=True)
    for read in stage.reads:
        source, target = project.root / read.at, root / read.at
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            if not target.exists():
                copy_tree(source, target)
        elif source.exists():
            shutil.copy2(source, target)
    for out in stage.outs:
        target = root / out.at
        target.parent.mkdir(parents=True, exist_ok=True)
        if out.persist and (project.root / out.at).exists():
            copy = copy_tree if (project.root / out.at).is_dir() else shutil.copy2
            copy(project.root / out.at, target)
    os.utime(root)
