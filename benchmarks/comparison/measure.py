"""Create a project for a workload and a toolchain, run its phases, and measure each."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison.method_check import CHECKED, SLOWDOWN, SLOWED, VARIANTS, WORKLOAD
from benchmarks.comparison.metric_watch import MetricWatch
from benchmarks.comparison.supervise import TIMED_OUT
from benchmarks.comparison.timed_run import Bench, Sample, excerpt, failed_sample, run_timed
from benchmarks.comparison.toolchain import Argv, Toolchain
from benchmarks.comparison.usage import stored_bytes, user_lines
from benchmarks.comparison.workload import ROOT, Edit, Phase, Workload

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
        create_project(workload, bench.project)
        bench.killed.unlink(missing_ok=True)
        try:
            toolchain.write(workload.graph, bench.project, bench.jobs)
        except subprocess.CalledProcessError as error:
            yield workload.first_timed, _fail(error)
            return
        yield from _Project(bench, workload, name, toolchain, slowdown).run_phases()
    finally:
        shutil.rmtree(bench.project, ignore_errors=True)
        shutil.rmtree(bench.remote, ignore_errors=True)


def _fail(error: subprocess.CalledProcessError) -> Sample:
    """Return the sample of a toolchain that could not write its files."""
    output = b"".join(part or b"" for part in (error.stdout, error.stderr))
    return failed_sample(error.returncode, excerpt(output.decode(errors="replace")))


class _Project:
    """A project in which the phases of a workload follow one another."""

    def __init__(
        self, bench: Bench, workload: Workload, name: str, toolchain: Toolchain, slowdown: float
    ) -> None:
        self._bench, self._workload, self._slowdown = bench, workload, slowdown
        self._name, self._toolchain = name, toolchain
        self._folders = (bench.project, bench.remote, bench.home)
        self._stored_before = stored_bytes(self._folders)
        self._n_done = 0.0
        self._lines: dict[str, float] = {}
        if workload.counts_lines and toolchain.user_files:
            self._lines["user_lines"] = user_lines(bench.project, toolchain.user_files)

    def run_phases(self) -> Iterator[tuple[str, Sample]]:
        """Yield the name and the sample of each phase that is a row of the report.

        A phase that is no row, and fails in a way that it should not, counts for the first row.
        """
        workload, continues = self._workload, False
        for phase in workload.phases:
            argvs = list_argvs(self._bench, self._workload, phase, self._toolchain, continues)
            if not argvs:
                continue
            try:
                self._edit(phase)
            except subprocess.CalledProcessError as error:
                yield workload.first_timed, _fail(error)
                return
            sample = self._run(phase, argvs)
            continues = phase.fails
            if workload.kills_worker and not self._bench.killed.exists():
                yield workload.first_timed, failed_sample(1, "error: the worker was not killed")
                return
            if phase.name in workload.timed_phases:
                yield phase.name, sample
                if sample.exit_code or self._toolchain.skips.value == "no":
                    return
            elif not self._is_as_expected(phase, sample):
                yield workload.first_timed, sample
                return

    def _edit(self, phase: Phase) -> None:
        for edit in phase.edits:
            apply_edit(self._bench.project, edit)
        if phase.graph:
            self._workload = replace(self._workload, graph=phase.graph)
            if self._toolchain.rewrite:
                self._toolchain.rewrite(phase.graph, self._bench.project, self._bench.jobs)

    def _run(self, phase: Phase, argvs: Sequence[Argv]) -> Sample:
        bench = self._bench
        with MetricWatch(bench.project / phase.metric) if phase.metric else nullcontext() as watch:
            sample = run_timed(
                bench, self._workload, self._name, self._toolchain, argvs, self._slowdown
            )
        measures = {**sample.measures, **self._lines}
        self._n_done += measures.get("tasks", 0)
        if "tasks" in measures and any(phase.fails for phase in self._workload.phases):
            measures["tasks_done_twice"] = self._n_done - len(self._workload.graph.tasks)
        measures["stored_mb"] = (stored_bytes(self._folders) - self._stored_before) / 1e6
        if watch and watch.seen_s:
            measures["first_metric_s"] = watch.seen_s - sample.start_s
        return replace(sample, measures=measures)

    def _is_as_expected(self, phase: Phase, sample: Sample) -> bool:
        """Return whether a run that is not timed ended as it should."""
        if self._workload.kills_worker:
            return True  # whatever a toolchain does without its worker, the user goes on
        return sample.exit_code != TIMED_OUT if phase.fails else not sample.exit_code


def list_argvs(
    bench: Bench, workload: Workload, phase: Phase, toolchain: Toolchain, continues: bool
) -> Sequence[Argv]:
    """Return the commands of a phase; none if the toolchain cannot say what changed.

    Parameters
    ----------
    continues
        Whether the phase continues one that failed.
    """
    graph = phase.graph or workload.graph
    if phase.asks:
        return toolchain.ask_commands(graph, bench.jobs) if toolchain.ask_commands else ()
    if continues and workload.kills_worker and toolchain.recover_commands:
        return toolchain.recover_commands(graph, bench.jobs)
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


def measure_check(bench: Bench, toolchain: Toolchain) -> dict[str, Sample]:
    """Return a sample of each variant in the check of the method; none if one of them failed."""
    samples = {}
    for variant in random.sample(VARIANTS, len(VARIANTS)):
        slowdown = SLOWDOWN if variant == SLOWED else 0
        samples[variant] = measure_once(bench, WORKLOAD, CHECKED, toolchain, slowdown)
        if samples[variant].exit_code:
            return {}
    return samples


def create_project(workload: Workload, project: Path) -> None:
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
        for edit in workload.edits:
            apply_edit(project, edit)
        return
    shutil.copyfile(HERE / "work.py", project / "work.py")
    for path, content in (workload.graph.sources or {}).items():
        (project / path).write_text(content)


def apply_edit(project: Path, edit: Edit) -> None:
    """Change a file as a user would."""
    path = project / edit.path
    path.write_text(edit.apply(path.read_text()))
