"""Create a project for a workload and a toolchain, run its phases, and measure each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.comparison import environments, supervise
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.supervise import TIMED_OUT
from benchmarks.comparison.toolchain import Argv, Toolchain
from benchmarks.comparison.workloads import ROOT, Edit, Workload

HERE = Path(__file__).resolve().parent
_PIPELINE = ("flows", "data", "models", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore")
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
    """

    wall_s: float
    user_s: float
    system_s: float
    peak_mb: float
    exit_code: int
    load: float
    outs: Mapping[str, str]
    log: str = ""


def measure_phases(
    bench: Bench, workload: Workload, name: str, toolchain: Toolchain, slowdown: float = 0
) -> Iterator[tuple[str, Sample]]:
    """Run the phases of a workload in a new project; yield each phase's name with its sample.

    A timed phase that fails is the last one. A toolchain that skips nothing runs only the first
    timed phase.

    Parameters
    ----------
    name
        The folder of the toolchain.
    slowdown
        Sleep this share of the run's time after it, which the sample includes.
    """
    project = bench.folder / "project"
    try:
        create_project(workload.graph, workload, project)
        try:
            toolchain.write(workload.graph, project, bench.jobs)
        except subprocess.CalledProcessError as error:
            log = f"{error.stdout or b''!r}{error.stderr or b''!r}"[-_LOG_CHARACTERS:]
            yield workload.first_timed, failed_sample(error.returncode, log)
            return
        continues = False
        for phase in workload.phases:
            if phase.edit:
                apply_edit(project, phase.edit)
            commands = toolchain.commands
            if continues and toolchain.resume_commands:
                commands = toolchain.resume_commands
            argvs = commands(workload.graph, bench.jobs)
            sample = run_timed(bench, workload, project, name, toolchain, argvs, slowdown)
            continues = phase.fails
            if phase.fails and sample.exit_code != TIMED_OUT:
                continue
            yield phase.name, sample
            if sample.exit_code or toolchain.skips.value == "no":
                return
    finally:
        shutil.rmtree(project, ignore_errors=True)
        shutil.rmtree(bench.folder / "project-remote", ignore_errors=True)


def measure_once(
    bench: Bench, workload: Workload, name: str, toolchain: Toolchain, slowdown: float = 0
) -> Sample:
    """Run the first phase of a workload in a new project."""
    changed = replace(workload, phases=workload.phases[:1])
    ((_, sample),) = measure_phases(bench, changed, name, toolchain, slowdown)
    return sample


def create_project(graph: Graph, workload: Workload, project: Path) -> None:
    """Create the folder with everything that exists before the first task."""
    project.mkdir()
    if workload.is_pipeline:
        tracked = subprocess.run(
            ["git", "ls-files", "-z", *_PIPELINE], cwd=ROOT, check=True, capture_output=True
        )
        for path in tracked.stdout.decode().split("\0"):
            if path:
                (project / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, project / path)
        return
    shutil.copyfile(HERE / "work.py", project / "work.py")
    for path, content in (graph.sources or {}).items():
        (project / path).write_text(content)


def apply_edit(project: Path, edit: Edit) -> None:
    """Change a file as a user would."""
    path = project / edit.path
    text = path.read_text()
    if edit.old not in text:
        raise ValueError(f"{edit.path} does not contain {edit.old!r}; fix: benchmarks/comparison")
    path.write_text(text.replace(edit.old, edit.new, 1))


def failed_sample(exit_code: int, log: str) -> Sample:
    """Return the sample of a toolchain that refused a workload before its first run."""
    return Sample(0.0, 0.0, 0.0, 0.0, exit_code, os.getloadavg()[0], {}, log)


def run_timed(
    bench: Bench,
    workload: Workload,
    project: Path,
    name: str,
    toolchain: Toolchain,
    argvs: Sequence[Argv],
    slowdown: float = 0,
) -> Sample:
    """Run commands of a toolchain in a project, one after the other, and read the outs."""
    home = bench.folder / "home"
    home.mkdir(exist_ok=True)
    variables = environments.variables(home, project, toolchain.environment)
    log = bench.folder / "log"
    log.write_text("")
    load = os.getloadavg()[0]
    wall_s = user_s = system_s = peak_mb = 0.0
    exit_code = 0
    for argv in argvs:
        command = place(argv, environments.bin_folder(name))
        limit_s = min(workload.limit_s - wall_s, bench.left_s())
        measured = supervised(command, project, variables, log, limit_s)
        wall_s += measured["wall_s"]
        user_s, system_s = user_s + measured["user_s"], system_s + measured["system_s"]
        peak_mb, exit_code = max(peak_mb, measured["peak_mb"]), int(measured["exit_code"])
        if exit_code:
            break
    if slowdown:
        time.sleep(wall_s * slowdown)
        wall_s *= 1 + slowdown
    outs = {} if exit_code else toolchain.outs(project, workload.graph)
    output = excerpt(log.read_text(errors="replace")) if exit_code else ""
    text = output.replace(str(project), "PROJECT").replace(str(ROOT), "REPOSITORY")
    return Sample(wall_s, user_s, system_s, peak_mb, exit_code, load, outs, text)


def excerpt(output: str) -> str:
    """Return the lines of an output that speak of an error, or if there are none its end."""
    lines = [line for line in output.splitlines() if "error" in line.lower()]
    return "\n".join(lines)[:_LOG_CHARACTERS] or output[-_LOG_CHARACTERS:]


def place(argv: Sequence[str], folder: Path) -> list[str]:
    """Return a command with the program of the toolchain's environment, if it has one."""
    program, *arguments = (part.replace("{bin}", str(folder)) for part in argv)
    own = folder / program
    return [str(own) if own.exists() else program, *arguments]


def supervised(
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
