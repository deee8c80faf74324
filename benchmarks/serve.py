"""Measure the server against its targets: print one table, write every sample to benchmarks/out.

The same flights go, in turns, to onnxruntime in this process (dictionaries in, probabilities out),
to the server, and to the same server with scikit-learn. CPU is user and system time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.serve_load import ROOT, Load, Server
from flows.features.columns import CATEGORIES, FLIGHT_KEY, FLIGHTS, WEATHER, WEATHER_KEY
from flows.features.known_inputs import KNOWN, feature_numbers
from flows.features.request_table import build_request_table
from flows.params import read_params
from flows.tables.csv import read_csv
from flows.tables.files import write_bytes
from serving.model.model import Model, load_model

ONNX, SKLEARN = 8790, 8791
Rows = list[dict[str, Any]]


class Target(NamedTuple):
    """A limit, and the measured value."""

    name: str
    limit: float
    value: float
    at_most: bool = True

    @property
    def is_met(self) -> bool:
        """Whether the limit holds."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def real_rows(n: int) -> Rows:
    """Return `n` flights of November and December as rows of a request."""
    raw = ROOT / "data/raw"
    files = [raw / f"flights/2013-{month:02}.csv" for month in (9, 10, 11, 12)]
    flights = pa.concat_tables(read_csv(f, f.read_bytes(), FLIGHTS, FLIGHT_KEY) for f in files)
    weather_file = raw / "weather.csv"
    weather = read_csv(weather_file, weather_file.read_bytes(), WEATHER, WEATHER_KEY)
    params = read_params(ROOT / "params.yaml").features
    requests = build_request_table(flights, weather, params)
    index = np.linspace(requests.num_rows // 2, requests.num_rows - 1, n).astype(np.int64)
    return [
        {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124  NaN
        for row in requests.take(pa.array(index)).to_pylist()
    ]


def in_process(model: Model, rows: Rows) -> list[float]:
    """Predict with onnxruntime only: no JSON, no checks, no HTTP."""
    codes = np.array([[row[c] for c in CATEGORIES] for row in rows], object)
    departure = np.array([row["departure"] for row in rows], "datetime64[m]").astype(np.int64)
    arrival = np.array([int(r["arrival"][:2]) * 60 + int(r["arrival"][3:]) for r in rows])
    known = np.array([[row[name] for name in KNOWN] for row in rows], np.float64)
    numbers = feature_numbers(departure, arrival, known)
    probabilities: list[float] = model.classifier(codes, numbers).tolist()
    return probabilities


def predict_next(model: Model, rows: Iterator[dict[str, Any]]) -> list[float]:
    """Predict the next row."""
    return in_process(model, [next(rows)])


def cpu_ms(function: Callable[[], object], seconds: float) -> float:
    """Call a function for `seconds`; return the mean CPU per call."""
    function()
    end, n, start = time.monotonic() + seconds, 0, time.process_time()
    while time.monotonic() < end:
        function()
        n += 1
    return (time.process_time() - start) * 1000 / n


def bodies_of(rows: Rows) -> dict[str, list[str]]:
    """Return bodies with one row each, one with 1,000 rows, and one with 1,000 rows by column."""
    by_column = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        "1 row": [json.dumps({"rows": [row]}) for row in rows[::5]],
        "1,000 rows": [json.dumps({"rows": rows})],
        "1,000 by column": [json.dumps({"columns": by_column})],
    }


def measure(rounds: int, saturation_s: float) -> tuple[dict[str, Any], list[Target]]:
    """Run everything; return the samples and the targets."""
    rows = real_rows(1000)
    bodies, model = bodies_of(rows), load_model(ROOT / "models/bundle")
    samples: dict[str, list[Any]] = {}

    def add_sample(name: str, value: Any) -> None:
        samples.setdefault(name, []).append(value)
        text = f"{value.cpu_ms:.3f} ms" if isinstance(value, Load) else f"{value:.3f} ms"
        print(f"  {name:32}{text}", flush=True)

    with start("serving", ONNX) as onnx, start("benchmarks.serve_sklearn", SKLEARN) as sklearn:
        check_equal(model, rows, bodies, [onnx, sklearn])
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}")
            cycle = itertools.cycle(rows)
            add_sample("in process, 1 row", cpu_ms(partial(predict_next, model, cycle), 2))
            add_sample("server, 1 row", onnx.load(bodies["1 row"], 16, 4))
            add_sample("in process, 1,000 rows", cpu_ms(lambda: in_process(model, rows), 2))
            for kind in ("1,000 rows", "1,000 by column"):
                add_sample(f"server, {kind}", onnx.load(bodies[kind], 2, 3))
            add_sample("scikit-learn, 1 row", sklearn.load(bodies["1 row"], 4, 4))
        print(f"saturation, {saturation_s:g} s")
        full = onnx.load(bodies["1 row"], 16, saturation_s)
        add_sample("saturation", full)
        add_sample(
            "half of saturation", onnx.load(bodies["1 row"], 16, 15, 16_000 / (full.rate / 2))
        )
        rss_mb, ready_cpu_s = onnx.rss_mb(), onnx.ready_cpu_s
    samples |= {"rss_mb": [rss_mb], "ready_cpu_s": [ready_cpu_s]}
    return samples, targets(samples)


def targets(samples: dict[str, list[Any]]) -> list[Target]:
    """Compare the samples with the limits; a ratio is the median of the rounds' ratios."""

    def cpu(name: str) -> list[float]:
        return [s.cpu_ms if isinstance(s, Load) else s for s in samples[name]]

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(cpu(one), cpu(other), strict=True))

    (full,), (half,) = samples["saturation"], samples["half of saturation"]
    return [
        Target("1 row: CPU / in process", 4, ratio("server, 1 row", "in process, 1 row")),
        Target("1 row: CPU, ms", 0.25, statistics.median(cpu("server, 1 row"))),
        Target(
            "1,000 rows: CPU / in process",
            1.3,
            ratio("server, 1,000 rows", "in process, 1,000 rows"),
        ),
        Target(
            "1,000 by column: CPU / in process",
            1.3,
            ratio("server, 1,000 by column", "in process, 1,000 rows"),
        ),
        Target(
            "1 row: scikit-learn's CPU / ours",
            20,
            ratio("scikit-learn, 1 row", "server, 1 row"),
            at_most=False,
        ),
        Target("memory after all of it, MB", 110, samples["rss_mb"][0]),
        Target("CPU until ready, s", 1.5, samples["ready_cpu_s"][0]),
        Target("saturation: answers that are not 2xx", 0, full.not_2xx + full.failed),
        Target("half of saturation: p99, ms", 10, half.p99_ms),
    ]


def start(module: str, port: int) -> Server:
    """Start our server, or its variant with scikit-learn."""
    env = {"SERVING_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return Server([sys.executable, "-m", module], port, "/readyz", "/predict", env)


def check_equal(
    model: Model, rows: Rows, bodies: dict[str, list[str]], servers: Sequence[Server]
) -> None:
    """Check that the servers do equal work: their probabilities are equal."""
    expected = np.array(in_process(model, rows))
    for server in servers:
        for kind in ("1,000 rows", "1,000 by column"):
            probabilities = np.array(server.ask(bodies[kind][0])["probabilities"])
            if np.abs(probabilities - expected).max() > 1e-6:
                raise SystemExit(f"port {server.port}, {kind}: the probabilities differ")


def environment() -> dict[str, Any]:
    """Return what the measurements depend on."""
    commit = subprocess.check_output(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True
    )
    return {
        "commit": commit.strip(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def main() -> int:
    """Measure, print the table, write the JSON; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--saturation-s", type=float, default=60)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/out/serve.json")
    arguments = parser.parse_args()
    before = environment()
    samples, results = measure(arguments.rounds, arguments.saturation_s)
    json_samples = {
        name: [s._asdict() if isinstance(s, Load) else s for s in values]
        for name, values in samples.items()
    }
    result = {
        "before": before,
        "after": environment(),
        "targets": [{**t._asdict(), "is_met": t.is_met} for t in results],
        "samples": json_samples,
    }
    write_bytes(arguments.output, (json.dumps(result, indent=1) + "\n").encode())
    (full,), (half,) = samples["saturation"], samples["half of saturation"]
    print(f"\nsaturation {full.rate:.0f} requests/s, p99 {full.p99_ms:.1f} ms;", end=" ")
    print(f"half {half.rate:.0f}/s, p50 {half.p50_ms:.1f} ms, p99 {half.p99_ms:.1f} ms")
    print(f"{'':40}{'limit':>10}{'measured':>10}")
    for target in results:
        sign, mark = "<=" if target.at_most else ">=", "" if target.is_met else "   MISSED"
        print(f"{target.name:38}{sign}{target.limit:>10g}{target.value:>10.3g}{mark}")
    load = before["load_average"][0]
    print(f"load average before {load:.1f}, after {os.getloadavg()[0]:.1f}; {arguments.output}")
    return 0 if all(target.is_met for target in results) else 1


if __name__ == "__main__":
    sys.exit(main())
