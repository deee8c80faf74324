"""Compare toolchains on equal work: `python -m benchmarks.comparison`; writes JSON and a report.

Run it again to add rounds, or to continue after an interruption: samples of the same day and
machine are kept in one file. Those of a toolchain whose code or version changed are measured again.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shlex
import signal
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import code_digest, environments, machine
from benchmarks.comparison.cluster import describe_clusters
from benchmarks.comparison.cluster_workloads import list_cluster_workloads
from benchmarks.comparison.evidence import read_evidence
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.method_check import CHECKED
from benchmarks.comparison.report.analysis import BASELINE, FLOOR, OURS
from benchmarks.comparison.report.files import write_report
from benchmarks.comparison.session import Cell, Options, Session
from benchmarks.comparison.session_lock import hold_session_lock
from benchmarks.comparison.status import Status
from benchmarks.comparison.store import FORMAT, Store
from benchmarks.comparison.toolchain import Toolchain, load_toolchains
from benchmarks.comparison.workload import ROOT, Workload
from benchmarks.comparison.workloads import list_workloads

RESULTS = ROOT / "benchmarks" / "results"
# The status and the reason of a toolchain that is not measured.
_Problem = tuple[Status, str]


def main() -> int:
    """Measure what the options select; write the results and the report."""
    arguments = _parse()
    now = datetime.datetime.now(datetime.UTC)
    output = arguments.output or RESULTS / f"{now:%Y-%m-%d}.json"
    if arguments.report:
        print(write_report(json.loads(output.read_text()), output.parent))
        return 0
    with hold_session_lock():
        return _measure(arguments, output, now)


def _measure(arguments: argparse.Namespace, output: Path, now: datetime.datetime) -> int:
    options = Options(
        jobs=arguments.jobs,
        rounds=arguments.rounds,
        cell_s=arguments.cell_seconds,
        minutes=arguments.minutes,
    )
    toolchains = load_toolchains()
    all_workloads = list_cluster_workloads() if arguments.cluster else list_workloads()
    names = name_candidates(toolchains, wants_cluster=arguments.cluster)
    selected = _select(names, arguments.tool, "--tool")
    problems = {name: _find_problem(name, toolchains[name], arguments.cluster) for name in selected}
    workloads = _select_workloads(all_workloads, arguments.scenario)
    session = _describe_session(options, toolchains, all_workloads, now)
    session["code"] = _describe_code({name: toolchains[name] for name in {*selected, CHECKED}})
    variables = {toolchain.cluster for toolchain in toolchains.values() if arguments.cluster}
    session["clusters"] = describe_clusters(sorted(variables - {""}))
    store = Store(output, session)
    for name, n_samples in store.outdated.items():
        print(f"{name}: its code or version changed; removed {n_samples} samples")
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both end it alike
    cells = _plan_cells(store, workloads, toolchains, problems)
    try:
        Session(store, toolchains, options, lambda line: print(line, flush=True)).run(
            cells, checks_method=True
        )
    except KeyboardInterrupt:
        store.save()
        print("\ninterrupted; run the same command again to continue", file=sys.stderr)
        return 130
    print(write_report(json.loads(output.read_text()), output.parent))
    return 0


def _parse() -> argparse.Namespace:
    defaults = Options()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scenario", action="append", default=[], help="workloads whose name contains this"
    )
    parser.add_argument("--tool", action="append", default=[], help="toolchains by folder name")
    parser.add_argument("--rounds", type=int, default=defaults.rounds, help="most rounds of a cell")
    parser.add_argument(
        "--minutes", type=float, default=defaults.minutes, help="end of this session"
    )
    parser.add_argument(
        "--cell-seconds",
        type=float,
        default=defaults.cell_s,
        help="a cell gets no further round after this time",
    )
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--output", type=Path, help="results file; default: of today")
    parser.add_argument("--cluster", action="store_true", help="measure cluster toolchains too")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing, write the report again"
    )
    return parser.parse_args()


def name_candidates(toolchains: Mapping[str, Toolchain], *, wants_cluster: bool) -> list[str]:
    """Return all toolchains; for clusters, theirs and those with which the report compares."""
    compared = {BASELINE, FLOOR, OURS}
    return [
        name
        for name, toolchain in toolchains.items()
        if toolchain.cluster or name in compared or not wants_cluster
    ]


def _select(names: Sequence[str], wanted: Sequence[str], option: str) -> list[str]:
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise SystemExit(f"unknown {option} {unknown[0]}; fix: use one of {', '.join(names)}")
    return [name for name in names if not wanted or name in wanted]


def _select_workloads(workloads: Sequence[Workload], wanted: Sequence[str]) -> list[Workload]:
    names = {workload.name for workload in workloads}
    chosen = [
        w
        for w in workloads
        if not wanted
        or w.name in wanted
        or any(part in w.name for part in wanted if part not in names)
    ]
    if not chosen:
        listed = ", ".join(workload.name for workload in workloads)
        raise SystemExit(f"no workload matches --scenario; fix: use a part of one of {listed}")
    return chosen


def _find_problem(name: str, toolchain: Toolchain, wants_cluster: bool) -> _Problem | None:
    """Return the status and the reason why a toolchain is not measured; None if it is."""
    if toolchain.cluster and not (wants_cluster and os.environ.get(toolchain.cluster)):
        return Status.NO_CLUSTER, f"not measured: no cluster named ({toolchain.cluster})"
    print(f"environment of {name}", flush=True)
    reason = environments.create_environment(name)
    if not reason and not environments.find_version(name, toolchain):
        reason = f"not installed: {toolchain.package or toolchain.version_command[0]} is not there"
    return (Status.NOT_INSTALLED, reason) if reason else None


def _plan_cells(
    store: Store,
    workloads: Sequence[Workload],
    toolchains: Mapping[str, Toolchain],
    problems: Mapping[str, _Problem | None],
) -> list[Cell]:
    """Return the cells to measure, and mark those that cannot be measured."""
    cells = []
    for workload in workloads:
        for name, problem in problems.items():
            cell = Cell(workload, name)
            if workload.kills_worker and toolchains[name].cluster:
                store.mark(cell.first_key, Status.NOT_APPLICABLE, "its tasks run on other machines")
            elif refusal := toolchains[name].refusal(workload):
                store.mark(cell.first_key, Status.NOT_APPLICABLE, refusal)
            elif problem:
                store.mark(cell.first_key, *problem)
            else:
                cells.append(cell)
    return cells


def _describe_session(
    options: Options,
    toolchains: Mapping[str, Toolchain],
    workloads: Sequence[Workload],
    now: datetime.datetime,
) -> dict[str, Any]:
    """Return what the report says about the session, and what samples depend on."""
    dates = environments.read_release_dates()
    return {
        "format": FORMAT,
        "began": f"{now:%Y-%m-%d %H:%M} UTC",
        "digest": code_digest.digest_common(),
        "machine": machine.describe_machine(),
        "load": [],
        "elapsed_s": {},
        "seconds_per_block": machine.seconds_per_block(options.jobs),
        "jobs": options.jobs,
        "limit_s": statistics.mode(workload.limit_s for workload in workloads),
        "cell_s": options.cell_s,
        "seed": options.seed,
        "toolchains": {
            name: {
                "title": toolchain.title,
                "about": toolchain.about,
                "unit": toolchain.unit,
                "skips": toolchain.skips,
                "recovers_with": _show_recovery(toolchain, options.jobs),
                "released": dates.get(toolchain.package, ""),
            }
            for name, toolchain in toolchains.items()
        },
        "workloads": [
            {
                "name": workload.name,
                "about": workload.about,
                "origin": workload.origin,
                "tasks": len(workload.graph.tasks),
                "limit_s": workload.limit_s,
                "phases": list(workload.timed_phases),
                "finds_metg": workload.finds_metg,
            }
            for workload in workloads
        ],
        **read_evidence(),
    }


def _describe_code(toolchains: Mapping[str, Toolchain]) -> dict[str, dict[str, Any]]:
    """Return what the samples of each toolchain depend on, besides the common code."""
    revision = machine.describe_revision()
    return {
        name: {
            "version": environments.find_version(name, toolchain),
            "digest": code_digest.digest_toolchain(name, runs_dvc_bridge=toolchain.runs_dvc_bridge),
            **revision,
        }
        for name, toolchain in toolchains.items()
    }


def _show_recovery(toolchain: Toolchain, jobs: int) -> str:
    """Return the commands that continue after a kill; empty if it is the usual one.

    No worker is killed on a cluster, which the environment need not name.
    """
    if toolchain.cluster:
        return ""
    commands = toolchain.recover_commands or toolchain.resume_commands
    return " && ".join(shlex.join(argv) for argv in commands(Graph(()), jobs)) if commands else ""


if __name__ == "__main__":
    sys.exit(main())
