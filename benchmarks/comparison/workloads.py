"""All workloads by their public names. Each is written once; toolchains render it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import graphs
from benchmarks.comparison.graphs import graph_of
from benchmarks.comparison.workload import ALL, ASKED, ROOT, UNCHANGED, Edit, Phase, Workload

_WINDMILL = "https://www.windmill.dev/docs/misc/benchmarks/competitors"
_TASK_BENCH = "https://arxiv.org/abs/1908.05790"
_WFCOMMONS = "https://wfcommons.org"
_LONG_S = 240.0
_METRICS = "models/evaluation/metrics.json"
_NEW_MONTH = (
    Edit("params.yaml", 'last_month: "2013-11"', 'last_month: "2013-12"'),
    Edit("params.yaml", 'test_last: "2013-11"', 'test_last: "2013-12"'),
    Edit("params.yaml", '"2013-11"]', '"2013-11", "2013-12"]'),
    Edit(
        "dvc.yaml",
        "      - data/backtest/2013-11.parquet\n",
        "      - data/backtest/2013-11.parquet\n      - data/backtest/2013-12.parquet\n",
    ),
)


def list_workloads(root: Path = ROOT) -> Sequence[Workload]:
    """Return all workloads, in the order of the report."""
    return (
        *_pipelines(root),
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
        *_wfcommons(),
        Workload(
            "resume",
            "a chain of 10 tasks, 100 MiB hashed in each: the eighth fails, then all is well",
            graphs.chain_with_gate(10, 8, "spin", 100),
            phases=(
                Phase("failed", fails=True),
                Phase("after the failure", (Edit(graphs.GATE, "closed", "open"),)),
            ),
        ),
        Workload(
            "move-50-mb",
            "three tasks in a chain, each reads and writes 50 MB",
            graph_of(graphs.chain(3), "bytes", 50_000_000),
        ),
        Workload(
            "move-1-gb",
            "three tasks in a chain, each reads and writes 1 GB",
            graph_of(graphs.chain(3), "bytes", 1_000_000_000),
            limit_s=_LONG_S,
            last=ALL,
            disk_gb=16,
            order=2,
        ),
        Workload(
            "killed-worker",
            "a chain of 10 tasks, 20 MiB hashed in each: in the sixth, the worker is killed once",
            graphs.chain_with_kill(10, 6, "spin", 20),
            phases=(Phase("killed", fails=True), Phase("after the kill")),
            kills_worker=True,
            last=("metaflow", "metaflow_generated", "prefect", "dagster"),
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


def _pipelines(root: Path) -> Iterator[Workload]:
    files = {name: (root / name).read_text() for name in ("dvc.yaml", "params.yaml")}
    graph = graphs.pipeline(files["dvc.yaml"], files["params.yaml"])
    yield Workload(
        "pipeline",
        "this repository's pipeline, 14 stages: data, features, models, back-test, export",
        graph,
        phases=(
            Phase(),
            Phase(UNCHANGED),
            Phase(ASKED, asks=True),
            Phase(
                "one parameter changed",
                (Edit("params.yaml", "bootstrap_draws: 1000", "bootstrap_draws: 999"),),
                metric=_METRICS,
            ),
            Phase(
                "one code file changed", (Edit("flows/models/parity.py", '"""', '"""Compare. '),)
            ),
        ),
        last=("make", "dvc_bridge_processes", "metaflow_generated"),
        is_pipeline=True,
        limit_s=_LONG_S,
    )
    before = tuple(edit.inverse for edit in _NEW_MONTH)
    for edit in before:
        files[edit.path] = edit.apply(files[edit.path])
    yield Workload(
        "pipeline-new-month",
        "the same pipeline without its last month, then with it: 13 stages, then 14",
        graphs.pipeline(files["dvc.yaml"], files["params.yaml"]),
        phases=(
            Phase("eleven months", is_timed=False),
            Phase("a new month of data", _NEW_MONTH, graph=graph, metric=_METRICS),
        ),
        edits=before,
        last=ALL,
        order=1,
        is_pipeline=True,
        limit_s=_LONG_S,
    )


def _wfcommons() -> Iterator[Workload]:
    about = {
        "montage": "mosaics of the sky",
        "epigenomics": "genomes",
        "1000genome": "mutations of human genomes",
        "seismology": "signals of earthquakes",
    }
    for name, words in about.items():
        parents = graphs.wfcommons(name)
        yield Workload(
            f"wfcommons-{name}",
            f"the graph of {name} with {len(parents)} tasks ({words}), 10 MiB hashed in each",
            graph_of(parents, "spin", 10),
            _WFCOMMONS,
            last=ALL,
        )
    for name, words in about.items():
        parents = graphs.wfcommons(f"{name}-1000")
        yield Workload(
            f"wfcommons-{name}-1000",
            f"the graph of {name} with {len(parents)} tasks ({words}), 1 MiB hashed in each",
            graph_of(parents, "spin", 1),
            _WFCOMMONS,
            smaller=("fan-out-100", "fan-out-10"),
            last=ALL,
        )
