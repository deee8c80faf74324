"""Compare our server with LitServe, BentoML, KServe and MLServer: CPU of a request with one row.

Same model, same rows, one worker each, in turns. Each competitor has its own environment in
benchmarks/out/env, which is created if it is missing. The competitors do not check requests.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.serve import Rows, bodies_of, environment, in_process, real_rows
from benchmarks.serve import start as start_ours
from benchmarks.serve_load import ROOT, Server
from flows.tables.files import write_bytes
from serving.model.model import load_model

_ENVIRONMENTS = ROOT / "benchmarks/out/env"
_APP = "benchmarks.competitors"
_PORT = 8800


class Competitor(NamedTuple):
    """A framework: its package, how to start it and send requests, how to read its response."""

    name: str
    requirement: str
    command: list[str]
    ready: str
    path: str
    body: Callable[[Rows], Any]
    probabilities: Callable[[Any], list[float]]  # from a response


def tensors(rows: Rows) -> Any:
    """Return rows as tensors of the Open Inference Protocol."""
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "BYTES" if isinstance(rows[0][name], str) else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]
    return {"inputs": inputs}


def list_competitors(folder: Path) -> list[Competitor]:
    """Return the competitors; `folder` is for MLServer's settings."""
    settings = {"name": "flights", "implementation": f"{_APP}.mlserver_app.Flights"}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    server = {"http_port": _PORT, "grpc_port": 8806, "metrics_port": 8807, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps({**server, "debug": False}))
    python, port = "python", str(_PORT)
    return [
        Competitor(
            "LitServe",
            "litserve==0.2.19",
            [python, "-m", f"{_APP}.litserve_app", port],
            "/health",
            "/predict",
            lambda rows: {"rows": rows},
            lambda response: response["probabilities"],
        ),
        Competitor(
            "BentoML",
            "bentoml==1.4.40",
            ["bentoml", "serve", f"{_APP}.bentoml_app:Flights", "--port", port, "-q"],
            "/readyz",
            "/predict",
            lambda rows: {"rows": rows},
            lambda response: response["probabilities"],
        ),
        Competitor(
            "KServe",
            "kserve==0.21.0",
            [python, "-m", f"{_APP}.kserve_app", "--http_port", port, "--enable_grpc", "false"],
            "/v1/models/flights",
            "/v1/models/flights:predict",
            lambda rows: {"instances": rows},
            lambda response: response["predictions"],
        ),
        Competitor(
            "MLServer",
            "mlserver==1.7.1",
            ["mlserver", "start", str(folder)],
            "/v2/models/flights/ready",
            "/v2/models/flights/infer",
            tensors,
            lambda response: response["outputs"][0]["data"],
        ),
    ]


def create_environment(competitor: Competitor) -> Path:
    """Install the competitor unless it is installed, and return its bin folder."""
    name = competitor.requirement.split("==")[0]
    folder = _ENVIRONMENTS / name
    if not (folder / "bin" / "python").exists():
        print(f"creating {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [
            str(folder / "bin/pip"),
            "install",
            "--quiet",
            competitor.requirement,
            "onnxruntime",
        ]
        subprocess.run(command, check=True)
    return folder / "bin"


def start_competitor(competitor: Competitor) -> Server:
    """Start a competitor's server."""
    bin_folder = create_environment(competitor)
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}
    command = [str(bin_folder / competitor.command[0]), *competitor.command[1:]]
    return Server(command, _PORT, competitor.ready, competitor.path, env)


def main() -> int:
    """Measure, print the table, write the JSON; return 1 if a competitor needs less CPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks/out/serve_competitors.json"
    )
    arguments = parser.parse_args()
    rows = [row for row in real_rows(4000) if None not in row.values()][:1000]
    model, samples = load_model(ROOT / "models/bundle"), dict[str, list[Any]]()
    expected = np.array(in_process(model, rows[:50]))
    before = environment()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            with start_ours("serving", 8792) as server:
                ours = server.load(bodies_of(rows)["1 row"], 16, 5)
                samples.setdefault("ours", []).append({**ours._asdict(), "rss_mb": server.rss_mb()})
            for competitor in list_competitors(Path(folder)):
                with start_competitor(competitor) as server:
                    response = server.ask(json.dumps(competitor.body(rows[:50])))
                    probabilities = np.array(competitor.probabilities(response))
                    if np.abs(probabilities - expected).max() > 1e-6:
                        raise SystemExit(f"{competitor.name}: the probabilities differ from ours")
                    bodies = [json.dumps(competitor.body([row])) for row in rows[::5]]
                    load = server.load(bodies, 16, 5)
                    sample = {**load._asdict(), "rss_mb": server.rss_mb()}
                    samples.setdefault(competitor.name, []).append(sample)
                    print(f"  {competitor.name:10}{load.cpu_ms:8.3f} ms", flush=True)
    result = {"before": before, "after": environment(), "samples": samples}
    write_bytes(arguments.output, (json.dumps(result, indent=1) + "\n").encode())
    print(f"{'':12}{'CPU ms':>8}{'x ours':>8}{'requests/s':>12}{'p99 ms':>8}{'MB':>6}{'bad':>5}")
    is_best = True
    for name, values in samples.items():
        cpu = statistics.median(s["cpu_ms"] for s in values)
        pairs = zip(values, samples["ours"], strict=True)
        ratio = statistics.median(s["cpu_ms"] / o["cpu_ms"] for s, o in pairs)
        rate = statistics.median(s["requests"] / s["seconds"] for s in values)
        p99, rss = (statistics.median(s[key] for s in values) for key in ("p99_ms", "rss_mb"))
        bad = sum(s["not_2xx"] + s["failed"] for s in values)
        is_best = is_best and (name == "ours" or ratio > 1)
        print(f"{name:12}{cpu:8.3f}{ratio:8.1f}{rate:12.0f}{p99:8.1f}{rss:6.0f}{bad:5}")
    print(f"load average {os.getloadavg()[0]:.1f}; {arguments.output}")
    return 0 if is_best else 1


if __name__ == "__main__":
    sys.exit(main())
