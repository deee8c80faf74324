"""Measure runs in pods: print one table, and write every sample to benchmarks/out/argo.json.

Needs a cluster with Argo and an S3 server that its pods can reach; docs/scale.md describes both.
The alternatives that a benchmark compares run in turns. The exit code is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.argo import (
    client_scale,
    diamond,
    fan_out,
    noop,
    traffic,
    wide_graph,
    worker_overhead,
)
from benchmarks.argo.fixture import Fixture, Scale
from benchmarks.argo.targets import ROOT, Measurement, Result, SkippedError, environment

BENCHMARKS: dict[str, Callable[[Fixture], Result]] = {
    "noop": noop.measure_noop,
    "worker": worker_overhead.measure_worker,
    "traffic": traffic.measure_traffic,
    "bulk": worker_overhead.measure_bulk,
    "plan": client_scale.measure_plan,
    "collect": client_scale.measure_collect,
    "first-stage": fan_out.measure_first_stage,
    "diamond": diamond.measure_trivial_diamond,
    "slow-diamond": diamond.measure_slow_diamond,
    "fan-out": fan_out.measure_fan_out,
    "wide-graph": wide_graph.measure_wide_graph,
}


def main() -> int:
    """Run the selected benchmarks, print the table, write the samples."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.argo", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run this benchmark")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a comparison")
    parser.add_argument("--slow-s", type=int, default=60, help="duration of a slow stage")
    parser.add_argument("--width", type=int, default=1000, help="a fifth of the large pipeline")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/out/argo.json")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the fixture is removed
    scale = Scale(args.rounds, args.slow_s, args.width)
    document: dict[str, Any] = {
        "environment": environment(),
        "arguments": vars(args) | {"output": ""},
        "benchmarks": {},
    }
    measurements: list[Measurement] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Fixture(Path(folder), scale) as fixture,
    ):
        for name in args.only or BENCHMARKS:
            document["benchmarks"][name] = run_benchmark(name, fixture, measurements)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"\n  {'':58}{'limit':>10}{'measured':>10}")
    for measurement in measurements:
        print(measurement.line())
    print(f"every sample: {args.output}")
    return 0 if all(measurement.meets_target for measurement in measurements) else 1


def run_benchmark(name: str, fixture: Fixture, measurements: list[Measurement]) -> dict[str, Any]:
    """Run one benchmark, add to `measurements`, and return the result as JSON values."""
    start_s, start_load = time.monotonic(), os.getloadavg()[0]
    print(f"{name}: {(BENCHMARKS[name].__doc__ or '').splitlines()[0]}", flush=True)
    try:
        result = BENCHMARKS[name](fixture)
    except SkippedError as reason:
        print(f"    skipped: {reason}")
        return {"skipped": str(reason)}
    wall_s = time.monotonic() - start_s
    loads = [start_load, os.getloadavg()[0]]
    print(f"    took {wall_s:.0f} s; load {loads[0]:.1f} -> {loads[1]:.1f}", flush=True)
    measurements += result.measurements
    return result.to_json() | {"load": loads, "seconds": wall_s}


if __name__ == "__main__":
    sys.exit(main())
