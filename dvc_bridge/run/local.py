"""A plan carried out here: DVC's bookkeeping in this thread, commands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dvc_bridge.dvcio import stage as steps
from dvc_bridge.dvcio.bookkeeping import batched
from dvc_bridge.dvcio.ignore import Ignores
from dvc_bridge.dvcio.lock import LockFiles
from dvc_bridge.dvcio.read import Project, Selection
from dvc_bridge.plan.schedule import Schedule
from dvc_bridge.run.process import Ended, Processes


@dataclass(frozen=True)
class Options:
    """How to run."""

    jobs: int = 1
    keep_going: bool = False
    force: bool = False


@dataclass
class Summary:
    """What became of the stages, by address."""

    ran: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def repro(selection: Selection, options: Options) -> Summary:
    """Bring the selected stages up to date, as `dvc repro` would, in parallel."""
    project = Project()
    with project.locked(), batched(project.repo) as ignores:
        return _Run(project, ignores, selection, options).run()


class _Run:
    def __init__(
        self, project: Project, ignores: Ignores | None, selection: Selection, options: Options
    ) -> None:
        self._project = project
        self._ignores = ignores
        self._options = options
        ordered = project.order(selection)
        self._stages = ordered.stages
        self._names: Sequence[str] = [stage.addressing for stage in ordered.stages]
        self._schedule = Schedule(ordered.needs, ordered.after)
        self._lock = LockFiles(project.repo)
        self._processes = Processes(self._show)
        self._running = 0
        self._stopping = False
        self._summary = Summary()

    def _show(self, position: int, line: str) -> None:
        print(f"{self._names[position]} | {line}", flush=True)

    def run(self) -> Summary:
        while True:
            while (
                not self._stopping and self._schedule.ready and self._running < self._options.jobs
            ):
                self._begin(self._schedule.take())
            if not self._running:
                break
            self._project.repo.lock.unlock()
            try:
                ended = self._processes.ended.get()
            finally:
                self._project.repo.lock.lock()
            self._end(ended)
        self._lock.flush()
        return self._summary

    def _begin(self, position: int) -> None:
        stage = self._stages[position]
        name = self._names[position]
        self._turn(position)
        try:
            step = steps.begin(stage, force=self._options.force)
            if step is steps.Step.COMMAND:
                self._processes.start(position, steps.command(stage))
                self._running += 1
                return
            if step is steps.Step.RESTORED:
                steps.finish(stage)
                self._summary.restored.append(name)
            if step is steps.Step.RECORDED:
                self._summary.ran.append(name)
            if step is steps.Step.UNCHANGED:
                self._summary.unchanged.append(name)
            else:
                self._record(position)
        except Exception as exc:
            self._fail(position, str(exc))
            return
        self._schedule.ended(position)

    def _end(self, ended: Ended) -> None:
        self._running -= 1
        self._turn(ended.position)
        if ended.code:
            self._fail(ended.position, f"`{ended.failed}` exited with {ended.code}")
            return
        try:
            steps.finish(self._stages[ended.position])
            self._record(ended.position)
        except Exception as exc:
            self._fail(ended.position, str(exc))
            return
        self._summary.ran.append(self._names[ended.position])
        self._schedule.ended(ended.position)

    def _turn(self, position: int) -> None:
        if self._ignores:
            self._ignores.position = position

    def _record(self, position: int) -> None:
        stage = self._stages[position]
        if steps.is_pipeline_stage(stage):
            self._lock.record(position, stage)
        else:
            stage.dump(update_pipeline=False)

    def _fail(self, position: int, reason: str) -> None:
        self._summary.failed[self._names[position]] = reason
        if not self._options.keep_going:
            self._stopping = True
        for skipped in self._schedule.skip_dependents(position):
            self._summary.skipped.append(self._names[skipped])
        self._schedule.ended(position)
