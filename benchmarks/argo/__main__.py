"""Runs as pods against their targets: one table, and every sample in benchmarks/out/argo.json.

Needs a cluster with Argo and an S3 server that its pods reach; docs/scale.md says how. Ways that
are compared are run in turns. Exit code 1: a target is missed.
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

from benchmarks.argo import diamond, fan, moved, planned, pods, unchanged, wide
from benchmarks.argo.figures import ROOT, Found, SkippedError, environment
from benchmarks.argo.space import Scale, Space

ROWS: dict[str, Callable[[Space], Found]] = {
    "unchanged": unchanged.unchanged,
    "worker": pods.overhead,
    "moved": moved.moved,
    "bulk": pods.bulk,
    "plans": planned.plans,
    "merged": planned.merged,
    "start": fan.start,
    "diamond": diamond.trivial,
    "slow": diamond.slow,
    "fan": fan.fan,
    "wide": wide.wide,
}


def main() -> int:
    """Measure the rows that are asked for, print the table, keep the samples."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.argo", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, help="this row, or these")
    parser.add_argument("--rounds", type=int, default=3, help="of ways that are compared")
    parser.add_argument("--slow-s", type=int, default=60, help="how long a slow stage takes")
    parser.add_argument("--wide", type=int, default=1000, help="a fifth of the large pipeline")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/out/argo.json")
    args = parser.parse_args()
    kept: dict[str, Any] = {"environment": environment(), "arguments": vars(args) | {"output": ""}}
    kept["rows"], found = {}, []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or bucket and Secret would stay
    scale = Scale(args.rounds, args.slow_s, args.wide)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Space(Path(name), scale) as space:
        for row in args.only or ROWS:
            begin, load = time.monotonic(), os.getloadavg()[0]
            print(f"{row}: {(ROWS[row].__doc__ or '').splitlines()[0]}", flush=True)
            try:
                measured = ROWS[row](space)
            except SkippedError as why:
                print(f"    skipped: {why}")
                kept["rows"][row] = {"skipped": str(why)}
                continue
            took_s = time.monotonic() - begin
            loads = [load, os.getloadavg()[0]]
            kept["rows"][row] = measured.plain() | {"load": loads, "seconds": took_s}
            print(f"    took {took_s:.0f} s; load {loads[0]:.1f} -> {loads[1]:.1f}", flush=True)
            found += measured.figures
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    print(f"\n  {'':58}{'limit':>10}{'measured':>10}")
    for figure in found:
        print(figure.line())
    print(f"every sample: {args.output}")
    return 0 if all(figure.reached for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
