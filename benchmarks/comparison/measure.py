"""Create a project for a workload and a toolchain, run its phases, and measure each."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.supervise import TIMED_OUT
from benchmarks.comparison.timed_run import Bench, Sample, failed_sample, run_timed
from benchmarks.comparison.toolchain import Argv, Toolchain
from benchmarks.comparison.usage import stored_bytes, user_lines
from benchmarks.comparison.watch import Watch
from benchmarks.comparison.workloads import ROOT, Edit, Phase, Workload

HERE = Path(__file__).resolve().parent
_PIPELINE = ("flows", "data", "models", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore")


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
    try:
        create_project(workload.graph, workload, bench.project)
        try:
            toolchain.write(workload.graph, bench.project, bench.jobs)
        except subprocess.CalledProcessError as error:
            output = f"{error.stdout or b''!r}{error.stderr or b''!r}"
            yield workload.first_timed, failed_sample(error.returncode, output)
            return
        yield from _run_phases(bench, workload, name, toolchain, slowdown)
    finally:
        shutil.rmtree(bench.project, ignore_errors=True)
        shutil.rmtree(bench.remote, ignore_errors=True)


def _run_phases(
    bench: Bench, workload: Workload, name: str, toolchain: Toolchain, slowdown: float
) -> Iterator[tuple[str, Sample]]:
    measures: dict[str, float] = {}
    if workload.counts_lines and toolchain.user_files:
        measures["user_lines"] = user_lines(bench.project, toolchain.user_files)
    folders = (bench.project, bench.remote, bench.home)
    stored_before = stored_bytes(folders)
    continues = False
    for phase in workload.phases:
        argvs = list_argvs(bench, workload.graph, phase, toolchain, continues=continues)
        if not argvs:
            continue
        if phase.edit:
            apply_edit(bench.project, phase.edit)
        with Watch(bench.project / phase.metric) if phase.metric else nullcontext() as watch:
            sample = run_timed(bench, workload, name, toolchain, argvs, slowdown)
        continues = phase.fails
        if phase.fails and sample.exit_code != TIMED_OUT:
            continue
        measures["stored_mb"] = (stored_bytes(folders) - stored_before) / 1e6
        if watch and watch.seen_s:
            measures["first_metric_s"] = watch.seen_s - sample.start_s
        yield phase.name, replace(sample, measures={**sample.measures, **measures})
        if sample.exit_code or toolchain.skips.value == "no":
            return


def list_argvs(
    bench: Bench, graph: Graph, phase: Phase, toolchain: Toolchain, *, continues: bool
) -> Sequence[Argv]:
    """Return the commands of a phase; none if the toolchain cannot say what changed.

    Parameters
    ----------
    continues
        Whether the phase continues one that failed.
    """
    if phase.asks:
        return toolchain.ask_commands(graph, bench.jobs) if toolchain.ask_commands else ()
    if continues and toolchain.resume_commands:
        return toolchain.resume_commands(graph, bench.jobs)
    return toolchain.commands(graph, bench.jobs)


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
