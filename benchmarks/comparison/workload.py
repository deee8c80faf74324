"""What a workload is: a graph, and the runs that follow one another on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.graph import Graph

ROOT = Path(__file__).resolve().parents[2]
COLD, UNCHANGED, ASKED = "cold", "nothing changed", "what changed?"
ALL = ("all",)
# Seconds after which a run is ended, except in the pipeline.
LIMIT_S = 45.0


@dataclass(frozen=True)
class Edit:
    """A change of one file between two phases: the first `old` becomes `new`."""

    path: str
    old: str
    new: str

    @property
    def inverse(self) -> Edit:
        """Return the change that undoes this one."""
        return Edit(self.path, self.new, self.old)

    def apply(self, text: str) -> str:
        """Return the changed content of the file.

        Raises
        ------
        ValueError
            The file does not contain the old text.
        """
        if self.old not in text:
            raise ValueError(f"{self.path} does not contain {self.old!r}; fix: workloads.py")
        return text.replace(self.old, self.new, 1)


@dataclass(frozen=True)
class Phase:
    """A run of the toolchain; phases follow one another in the same project.

    Parameters
    ----------
    edits
        The changes before the run.
    graph
        The graph from this run on, if it changes.
    is_timed
        Whether the run is a row of the report. If not, it only comes before another one.
    fails
        Whether a task fails in the run. It is not timed; the next phase continues it.
    asks
        Whether the toolchain is only asked what changed. Those that cannot say so skip the phase.
    metric
        The metrics file that gets new content; the time until then is measured too.
    """

    name: str = COLD
    edits: tuple[Edit, ...] = ()
    graph: Graph | None = None
    is_timed: bool = True
    fails: bool = False
    asks: bool = False
    metric: str = ""


@dataclass(frozen=True)
class Workload:
    """A row of the comparison, or several: one per phase.

    Parameters
    ----------
    origin
        Where the workload was published, with a link; empty for our own.
    smaller
        The names of the same workload with a tenth and a hundredth of the tasks. A toolchain that
        would exceed the limit here, as they show, is not started.
    limit_s
        After this time a run is ended.
    edits
        The changes of the repository's files before the first run.
    kills_worker
        Whether a task of the first phase kills the process of the toolchain that runs it.
    disk_gb
        The space that must be free.
    order
        Of the workloads that come last, those with a larger number come later.
    last
        The toolchains that a session measures here after everything else, since it may end before;
        `ALL` for all of them.
    is_pipeline
        Whether it is this repository's pipeline, which needs its files.
    counts_lines
        Whether the lines that a user writes for it are counted.
    finds_metg
        Whether the value is METG(50 %) in seconds instead of a run's wall time. The tasks of the
        graph then have no work; the measurement adds it.
    """

    name: str
    about: str
    graph: Graph
    origin: str = ""
    phases: tuple[Phase, ...] = (Phase(),)
    smaller: tuple[str, ...] = ()
    limit_s: float = LIMIT_S
    edits: tuple[Edit, ...] = ()
    kills_worker: bool = False
    disk_gb: float = 0.0
    order: int = 0
    last: tuple[str, ...] = ()
    is_pipeline: bool = False
    counts_lines: bool = False
    finds_metg: bool = False

    @property
    def first_timed(self) -> str:
        """Return the name of the first phase that is timed."""
        return self.timed_phases[0]

    @property
    def timed_phases(self) -> tuple[str, ...]:
        """Return the names of the phases that are rows of the report."""
        return tuple(phase.name for phase in self.phases if phase.is_timed and not phase.fails)

    def comes_last(self, toolchain: str) -> bool:
        """Return whether a session measures a toolchain here after everything else."""
        return toolchain in self.last or self.last == ALL
