"""The workloads by their public names. Each is written once; toolchains render it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import graphs
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.graphs import graph_of

ROOT = Path(__file__).resolve().parents[2]
COLD, UNCHANGED, ASKED = "cold", "nothing changed", "what changed?"
METRICS = "models/evaluation/metrics.json"
ALL = ("all",)
# Seconds after which a run is ended, except in the pipeline.
LIMIT_S = 45.0


@dataclass(frozen=True)
class Edit:
    """A change of one file between two phases: the first `old` becomes `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Phase:
    """A run of the toolchain; phases follow one another in the same project.

    Parameters
    ----------
    edit
        The change before the run.
    fails
        Whether a task fails in the run. It is not timed; the next phase continues it.
    asks
        Whether the toolchain is only asked what changed. Those that cannot say so skip the phase.
    metric
        The metrics file that gets new content; the time until then is measured too.
    """

    name: str = COLD
    edit: Edit | None = None
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
    last: tuple[str, ...] = ()
    is_pipeline: bool = False
    counts_lines: bool = False
    finds_metg: bool = False

    @property
    def first_timed(self) -> str:
        """Return the name of the first phase that is timed."""
        return next(phase.name for phase in self.phases if not phase.fails)

    def comes_last(self, toolchain: str) -> bool:
        """Return whether a session measures a toolchain here after everything else."""
        return toolchain in self.last or self.last == ALL


_WINDMILL = "https://www.windmill.dev/docs/misc/benchmarks/competitors"
_TASK_BENCH = "https://arxiv.org/abs/1908.05790"
_WFCOMMONS = "https://wfcommons.org"
_MOVED_BYTES = 50_000_000


def list_workloads(root: Path = ROOT) -> Sequence[Workload]:
    """Return all workloads, in the order of the report."""
    pipeline_phases = (
        Phase(),
        Phase(UNCHANGED),
        Phase(ASKED, asks=True),
        Phase(
            "one parameter changed",
            Edit("params.yaml", "bootstrap_draws: 1000", "bootstrap_draws: 999"),
            metric=METRICS,
        ),
        Phase("one code file changed", Edit("flows/models/parity.py", '"""', '"""Compare. ')),
    )
    return (
        Workload(
            "pipeline",
            "this repository's pipeline, 14 stages: data, features, models, back-test, export",
            graphs.pipeline(root),
            phases=pipeline_phases,
            last=("make", "dvc_bridge_processes", "metaflow_generated"),
            is_pipeline=True,
            limit_s=240.0,
        ),
        Workload(
            "windmill-40-light",
            "a chain of 40 tasks, each fibo(10)",
            graph_of(graphs.chain(40), "fibo", 10),
            _WINDMILL,
            counts_lines=True,
        ),
        Workload(
            "windmill-10-long",
            "a chain of 10 tasks, each fibo(33)",
            graph_of(graphs.chain(10), "fibo", 33),
            _WINDMILL,
            counts_lines=True,
            last=ALL,
        ),
        Workload("fan-out-1", "one task without work", graph_of(graphs.fan_out(1), "spin", 0)),
        Workload(
            "fan-out-10",
            "10 independent tasks without work",
            graph_of(graphs.fan_out(10), "spin", 0),
        ),
        Workload(
            "fan-out-100",
            "100 independent tasks without work",
            graph_of(graphs.fan_out(100), "spin", 0),
            phases=(Phase(), Phase(UNCHANGED), Phase(ASKED, asks=True)),
            smaller=("fan-out-10", "fan-out-1"),
        ),
        Workload(
            "fan-out-1000",
            "1,000 independent tasks without work",
            graph_of(graphs.fan_out(1000), "spin", 0),
            smaller=("fan-out-100", "fan-out-10"),
            last=ALL,
        ),
        Workload(
            "wfcommons-montage",
            "the graph of Montage with 58 tasks (mosaics of the sky), 10 MiB hashed in each",
            graph_of(graphs.wfcommons("montage"), "spin", 10),
            _WFCOMMONS,
            last=ALL,
        ),
        Workload(
            "wfcommons-epigenomics",
            "the graph of Epigenomics with 41 tasks (genomes), 10 MiB hashed in each",
            graph_of(graphs.wfcommons("epigenomics"), "spin", 10),
            _WFCOMMONS,
            last=ALL,
        ),
        Workload(
            "resume",
            "a chain of 10 tasks, 100 MiB hashed in each: the eighth fails, then all is well",
            graphs.chain_with_gate(10, 8, "spin", 100),
            phases=(
                Phase("failed", fails=True),
                Phase("after the failure", Edit(graphs.GATE, "closed", "open")),
            ),
        ),
        Workload(
            "move-50-mb",
            "three tasks in a chain, each reads and writes 50 MB",
            graph_of(graphs.chain(3), "bytes", _MOVED_BYTES),
        ),
        *(
            Workload(
                f"taskbench-{name}",
                f"METG(50 %) of Task Bench's {name}, {len(parents)} tasks",
                graph_of(parents, "spin", 0),
                _TASK_BENCH,
                last=last,
                finds_metg=True,
            )
            for name, parents, last in (
                ("chain", graphs.chain(8), ()),
                ("fan", graphs.fan(3, 2), ALL),
                ("stencil", graphs.stencil(3, 3), ()),
                ("tree", graphs.tree(3), ALL),
            )
        ),
    )
