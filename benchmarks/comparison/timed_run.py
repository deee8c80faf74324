"""Run commands of a toolchain in a project, and measure them."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.comparison import environments, supervise
from benchmarks.comparison.error_lines import speaks_of_error
from benchmarks.comparison.pods_and_jobs import count_pods_or_jobs
from benchmarks.comparison.timeline import read_intervals, split_run
from benchmarks.comparison.toolchain import Argv, Toolchain
from benchmarks.comparison.work import KILLED, TASKS
from benchmarks.comparison.workload import ROOT, Workload

_LOG_CHARACTERS = 600


@dataclass(frozen=True)
class Bench:
    """What all measurements of a session share.

    Parameters
    ----------
    folder
        The folder for projects; each is removed after its measurement.
    jobs
        How many tasks may run at the same time.
    end_s
        The end of the session, of the monotonic clock: no command runs longer.
    """

    folder: Path
    jobs: int
    end_s: float

    @property
    def project(self) -> Path:
        """Return the folder of the project."""
        return self.folder / "project"

    @property
    def remote(self) -> Path:
        """Return the folder of the project's remote, which some toolchains have."""
        return self.folder / "project-remote"

    @property
    def home(self) -> Path:
        """Return the home folder of all measured commands."""
        return self.folder / "home"

    @property
    def killed(self) -> Path:
        """Return the file that exists from when a task has killed its worker."""
        return self.folder / "killed"

    def left_s(self) -> float:
        """Return the time until the end of the session."""
        return self.end_s - time.monotonic()


@dataclass(frozen=True)
class Sample:
    """One timed run.

    Parameters
    ----------
    peak_mb
        The peak memory of the largest process.
    load
        The load average of the last minute before the run.
    outs
        Path -> md5 of each out after the run.
    log
        The end of the output, if the run failed.
    start_s
        When the first command started, on the monotonic clock.
    measures
        What else was measured: `dispatch_s`, `work_s` and `bookkeeping_s` (see timeline.py), how
        many `tasks` ran, `tasks_done_twice` after a failure, `first_metric_s` until the metrics
        file was new, `stored_mb` since the project was created, `user_lines` of the toolchain's
        files.
    started
        How many pods or jobs it started; None without a cluster.
    """

    wall_s: float
    user_s: float
    system_s: float
    peak_mb: float
    exit_code: int
    load: float
    outs: Mapping[str, str]
    log: str = ""
    start_s: float = 0.0
    measures: Mapping[str, float] = field(default_factory=dict)
    started: int | None = None


def failed_sample(exit_code: int, log: str) -> Sample:
    """Return the sample of a toolchain that refused a workload before its first run."""
    return Sample(0.0, 0.0, 0.0, 0.0, exit_code, os.getloadavg()[0], {}, log)


def run_timed(
    bench: Bench,
    workload: Workload,
    name: str,
    toolchain: Toolchain,
    argvs: Sequence[Argv],
    slowdown: float = 0,
) -> Sample:
    """Run commands of a toolchain in the project, one after the other, and read the outs."""
    project, log, tasks = bench.project, bench.folder / "log", bench.folder / "tasks"
    bench.home.mkdir(exist_ok=True)
    tasks.unlink(missing_ok=True)
    log.write_text("")
    extra = {**toolchain.environment, TASKS: str(tasks)}
    if workload.kills_worker:
        extra[KILLED] = str(bench.killed)
    variables = environments.variables(bench.home, project, extra)
    load, since = os.getloadavg()[0], datetime.datetime.now().astimezone()
    runs: list[Mapping[str, float]] = []
    for argv in argvs:
        command = place(argv, environments.bin_folder(name))
        limit_s = min(workload.limit_s - sum(run["wall_s"] for run in runs), bench.left_s())
        runs.append(run_supervised(command, project, variables, log, limit_s))
        if runs[-1]["exit_code"]:
            break
    wall_s, user_s, system_s = (
        sum(run[key] for run in runs) for key in ("wall_s", "user_s", "system_s")
    )
    if slowdown:
        time.sleep(wall_s * slowdown)
        wall_s *= 1 + slowdown
    exit_code = int(runs[-1]["exit_code"])
    measures: dict[str, float] = {}
    if not (workload.is_pipeline or toolchain.cluster):  # where work.py cannot say when it worked
        intervals = read_intervals(tasks)
        end_s = runs[-1]["start_s"] + runs[-1]["wall_s"]
        measures = {"tasks": len(intervals), **split_run(intervals, runs[0]["start_s"], end_s)}
    output = log.read_text(errors="replace")
    cluster = toolchain.cluster
    started = count_pods_or_jobs(cluster, project, output, since) if cluster else None
    outs = {} if exit_code else toolchain.outs(project, workload.graph)
    kept = excerpt(output) if exit_code else ""
    return Sample(
        wall_s,
        user_s,
        system_s,
        max(run["peak_mb"] for run in runs),
        exit_code,
        load,
        outs,
        kept.replace(str(project), "PROJECT").replace(str(ROOT), "REPOSITORY"),
        runs[0]["start_s"],
        measures,
        started,
    )


def excerpt(output: str) -> str:
    """Return the lines of an output that speak of an error, or if there are none its end."""
    lines = [line for line in output.splitlines() if speaks_of_error(line)]
    return "\n".join(lines)[:_LOG_CHARACTERS] or output[-_LOG_CHARACTERS:]


def place(argv: Sequence[str], folder: Path) -> list[str]:
    """Return a command with the program of the toolchain's environment, if it has one."""
    program, *arguments = (part.replace("{bin}", str(folder)) for part in argv)
    own = folder / program
    return [str(own) if own.exists() else program, *arguments]


def run_supervised(
    command: Sequence[str], project: Path, variables: Mapping[str, str], log: Path, limit_s: float
) -> dict[str, float]:
    """Run a command under supervise.py and return what it measured."""
    program = [sys.executable, "-I", "-S", str(Path(supervise.__file__))]
    done = subprocess.run(
        [*program, str(max(limit_s, 0.1)), str(log), "--", *command],
        cwd=project,
        env=dict(variables),
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
