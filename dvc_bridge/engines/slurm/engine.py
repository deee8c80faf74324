"""SLURM as an engine: each task is a job, or one index of a job array."""

from __future__ import annotations

import getpass
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.config import Sections, store_settings
from dvc_bridge.engines.attempts import merge_attempts, merge_runs, next_attempt, task_record
from dvc_bridge.engines.base import (
    Finding,
    LogLine,
    RunRecord,
    RunRequest,
    TaskSpec,
    refuse_pod_settings,
)
from dvc_bridge.engines.log_files import new_lines
from dvc_bridge.engines.secrets_of_user import with_secrets, without_secrets
from dvc_bridge.engines.slurm import limits
from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.commands import cancel_jobs, cluster_name
from dvc_bridge.engines.slurm.doctor import doctor
from dvc_bridge.engines.slurm.job_explanations import is_over
from dvc_bridge.engines.slurm.job_options import megabytes, most_options, resource_options
from dvc_bridge.engines.slurm.job_script import ScriptSpec, job_script
from dvc_bridge.engines.slurm.queue import queued_jobs
from dvc_bridge.engines.slurm.submission import (
    complete_submission,
    give_up,
    is_interrupted,
    submit_attempt,
)
from dvc_bridge.engines.slurm.watch import (
    pause_s,
    read_status,
    runs_elsewhere,
    watch_attempt,
)
from dvc_bridge.engines.status_file import load_status
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.planning.grouping.cost_model import Costs

FOLDER = ".dvc/tmp/dvc-bridge/slurm"
KEPT_S = 7 * 86_400
POLL_S = 0.5


class SlurmEngine:
    """The runs of one project on the cluster of this login node."""

    name = "slurm"
    limits_memory = True
    raises_memory = True

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project, self._settings = project, settings
        self._folder = project.root / FOLDER

    @classmethod
    def connect(cls, project: Project, settings: Settings) -> Self:
        """Return the engine of a project."""
        return cls(project, settings)

    @classmethod
    def costs(cls, settings: Settings) -> Costs:
        """Return what jobs cost at this site."""
        return limits.costs(settings)

    @classmethod
    def doctor(cls, project: Project, settings: Settings) -> Iterator[Finding]:
        """Check the commands of SLURM, the settings, and a short job."""
        return doctor(project, read_pipeline(project), settings)

    @classmethod
    def store_settings(
        cls, config: Mapping[str, Any], remotes: Collection[str], settings: Settings
    ) -> Sections:
        """Return the settings of remotes without secrets; `start` reads these from the project."""
        del settings
        return without_secrets(store_settings(config, remotes))

    @classmethod
    def credentials(cls, settings: Settings) -> str:
        """Return that jobs run as the user."""
        del settings
        return "secrets come from the local settings of DVC and the environment of submit"

    @classmethod
    def prepare(cls) -> AbstractContextManager[object]:
        """Prepare nothing."""
        return nullcontext()

    def check_stages(self, stages: Sequence[str]) -> None:
        """Let SLURM check the resources of the stages before anything is uploaded."""
        refuse_pod_settings(self._settings, stages, "SLURM jobs")
        if "\\" in str(self._folder):
            raise UsageError(
                f"the path {self._project.root} has a backslash, so SLURM cannot write logs there",
                "rename the folder",
            )
        kinds = dict.fromkeys(map(self._settings.pod, stages))
        options = (most_options(pod, pod.longest_timeout, self._settings.slurm) for pod in kinds)
        for distinct in dict.fromkeys(options):
            limits.check_job(distinct)

    def identity(self) -> dict[str, str | None]:
        """Return the cluster and the user."""
        return {"engine": self.name, "host": cluster_name(), "namespace": getpass.getuser()}

    def record(self, request: RunRequest) -> RunRecord:
        """Return the tasks with the options of their jobs, and their environment."""
        tasks = [self._task(task) for task in request.tasks]
        record = {
            "run": request.run,
            "attempt": request.run,
            "tasks": tasks,
            "environment": request.environment.variables(),
            "array_size": limits.array_size(),
        }
        # The task's own limit is larger than a stage's if several stages share a task.
        slurm = self._settings.slurm
        several = (task for task in request.tasks if len(task.stages) > 1)
        checked = {most_options(task.resources, task.timeout_s, slurm) for task in several}
        for options in sorted(checked):
            limits.check_job(options)
        return record

    def _task(self, task: TaskSpec) -> dict[str, Any]:
        options = resource_options(task.resources, task.timeout_s, self._settings.slurm)
        growth = {
            "memories": list(map(megabytes, task.resources.memories)),
            "timeouts": list(task.timeouts_s),
        }
        return task_record(task) | {"options": list(options)} | growth

    def start(self, record: RunRecord) -> str:
        """Submit the jobs of an attempt."""
        self._tidy_up()
        folder = self._folder / str(record["attempt"])
        slurm = self._settings.slurm
        spec = ScriptSpec(record["run"], slurm.python or sys.executable, slurm, {})
        attempt = Attempt.create(folder, record, job_script(spec))
        submit_attempt(attempt, with_secrets(self._project.root, record["environment"]))
        return attempt.name

    def resume(self, run: str, record: RunRecord, tasks: Collection[TaskNumber]) -> RunRecord:
        """Return the record of an attempt with those tasks."""
        return next_attempt(run, record, tasks, {attempt.name for attempt in self._attempts()})

    def watch(self, attempt: str) -> Iterator[RunStatus]:
        """Yield the status of an attempt whenever it changes."""
        return watch_attempt(Attempt(self._folder / attempt))

    def status(self, run: str) -> RunStatus:
        """Return the status of all attempts of a run as one."""
        attempts = self.attempts(run)
        if not attempts:
            raise _unknown_run(run)
        return merge_attempts(attempts)

    def runs(self) -> list[RunStatus]:
        """Return all runs."""
        attempts = self._attempts()
        elsewhere = runs_elsewhere([attempt.name for attempt in attempts])
        return merge_runs((*read_status(attempts), *elsewhere))

    def attempts(self, run: str) -> list[RunStatus]:
        """Return the attempts of a run."""
        attempts = self._attempts(run)
        for attempt in attempts:
            complete_submission(attempt)
        elsewhere = runs_elsewhere([attempt.name for attempt in attempts], run)
        return [*read_status(attempts), *elsewhere]

    def logs(
        self, run: str, tasks: Collection[TaskNumber] | None, *, follow: bool
    ) -> Iterator[LogLine]:
        """Yield the lines of the logs."""
        offsets: dict[Path, int] = {}
        began = ask_at = time.monotonic()
        has_ended = not follow
        while True:
            attempts = self._attempts(run)
            if not attempts:
                raise _unknown_run(run)
            now = time.monotonic()
            if not has_ended and now >= ask_at:
                has_ended = read_status(attempts)[-1].ended
                ask_at = now + pause_s(now - began)
            for attempt in attempts:
                yield from _log_lines(attempt, tasks, offsets)
            if has_ended:
                return
            time.sleep(POLL_S)

    def stop(self, run: str) -> bool:
        """Cancel the jobs of a run."""
        attempts = self._attempts(run)
        statuses = read_status(attempts)
        going_on = [a for a, status in zip(attempts, statuses, strict=True) if not status.ended]
        for attempt in going_on:
            attempt.mark("stopped")
        jobs = [job for attempt in going_on for job in attempt.ids()]
        # A clone elsewhere, or a submission that was interrupted, knows other jobs of the run.
        jobs += [job.slurm_id for job in queued_jobs(run) if not is_over(job.state)]
        cancel_jobs(list(dict.fromkeys(jobs)))
        return bool(jobs)

    def forget(self, is_over: Callable[[str], bool]) -> None:
        """Keep everything: `start` removes old attempts."""

    def _attempts(self, run: str = "") -> list[Attempt]:
        """Return the attempts, of one run or of all, the oldest first."""
        found = [Attempt(path.parent) for path in self._folder.glob("*/record.json")]
        mine = [attempt for attempt in found if not run or attempt.run == run]
        return sorted(mine, key=lambda a: (a.folder / "record.json").stat().st_mtime_ns)

    def _tidy_up(self) -> None:
        """Cancel submissions that were interrupted, and remove old attempts."""
        for attempt in self._attempts():
            if is_interrupted(attempt):
                give_up(attempt)
            is_old = time.time() - attempt.folder.stat().st_mtime > KEPT_S
            if is_old and load_status(attempt.folder):
                shutil.rmtree(attempt.folder, ignore_errors=True)


def _log_lines(
    attempt: Attempt, tasks: Collection[TaskNumber] | None, offsets: dict[Path, int]
) -> Iterator[LogLine]:
    for job in attempt.jobs:
        for index, task in job.tasks.items():
            path = attempt.log(job.number, index)
            if (tasks is None or task.number in tasks) and path.exists():
                yield from (LogLine(task.number, line) for line in new_lines(path, offsets))


def _unknown_run(run: str) -> UsageError:
    return UsageError(
        f"this project has no run {run} on this cluster",
        "`dvc-bridge status --engine slurm` lists the runs; dvc-bridge collect merges the results"
        " of a run of another clone",
    )
