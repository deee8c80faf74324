"""Compares our server with LitServe, BentoML, KServe and MLServer: CPU of a request with one row.

All have the same model, the same rows and one worker, and take turns. Each framework has its own
environment under benchmarks/out/env, created if it is missing. The others do not check requests.
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
_APP = "benchmarks.others"
_PORT = 8800


class Other(NamedTuple):
    """A framework: how to install, start and query it, and where its response has the numbers."""

    name: str
    requirement: str
    command: list[str]
    ready: str
    path: str
    body: Callable[[Rows], Any]
    probabilities: Callable[[Any], list[float]]


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


def others(folder: Path) -> list[Other]:
    """List the frameworks; `folder` is for MLServer's settings."""
    settings = {"name": "flights", "implementation": f"{_APP}.mlserver_app.Flights"}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    server = {"http_port": _PORT, "grpc_port": 8806, "metrics_port": 8807, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps({**server, "debug": False}))
    python, port = "python", str(_PORT)
    return [
        Other(
            "LitServe",
            "litserve==0.2.19",
            [python, "-m", f"{_APP}.litserve_app", port],
            "/health",
            "/predict",
            lambda rows: {"rows": rows},
            lambda response: response["probabilities"],
        ),
        Other(
            "BentoML",
            "bentoml==1.4.40",
            ["bentoml", "serve", f"{_APP}.bentoml_app:Flights", "--port", port, "-q"],
            "/readyz",
            "/predict",
            lambda rows: {"rows": rows},
            lambda response: response["probabilities"],
        ),
        Other(
            "KServe",
            "kserve==0.21.0",
            [python, "-m", f"{_APP}.kserve_app", "--http_port", port, "--enable_grpc", "false"],
            "/v1/models/flights",
            "/v1/models/flights:predict",
            lambda rows: {"instances": rows},
            lambda response: response["predictions"],
        ),
        Other(
            "MLServer",
            "mlserver==1.7.1",
            ["mlserver", "start", str(folder)],
            "/v2/models/flights/ready",
            "/v2/models/flights/infer",
            tensors,
            lambda response: response["outputs"][0]["data"],
        ),
    ]


def environment_of(other: Other) -> Path:
    """Return the bin folder of the framework's environment; create the environment if needed."""
    name = other.requirement.split("==")[0]
    folder = _ENVIRONMENTS / name
    if not (folder / "bin" / "python").exists():
        print(f"creating {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(folder / "bin/pip"), "install", "--quiet", other.requirement, "onnxruntime"]
        subprocess.run(command, check=True)
    return folder / "bin"


def run(other: Other) -> Server:
    """Start a framework's server."""
    bin_folder = environment_of(other)
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}
    command = [str(bin_folder / other.command[0]), *other.command[1:]]
    return Server(command, _PORT, other.ready, other.path, env)


def main() -> int:
    """Measure, print, write; return 1 if a framework takes less CPU than our server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/out/serve_others.json")
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
            for other in others(Path(folder)):
                with run(other) as server:
                    response = server.request(json.dumps(other.body(rows[:50])))
                    served = np.array(other.probabilities(response))
                    if np.abs(served - expected).max() > 1e-6:
                        raise SystemExit(f"{other.name} returns other probabilities")
                    bodies = [json.dumps(other.body([row])) for row in rows[::5]]
                    load = server.load(bodies, 16, 5)
                    sample = {**load._asdict(), "rss_mb": server.rss_mb()}
                    samples.setdefault(other.name, []).append(sample)
                    print(f"  {other.name:10}{load.cpu_ms:8.3f} ms", flush=True)
    result = {"before": before, "after": environment(), "samples": samples}
    write_bytes(arguments.output, (json.dumps(result, indent=1) + "\n").encode())
    print(f"{'':12}{'CPU ms':>8}{'x ours':>8}{'requests/s':>12}{'p99 ms':>8}{'MB':>6}{'bad':>5}")
    ours_is_least = True
    for name, rounds in samples.items():
        cpu = statistics.median(s["cpu_ms"] for s in rounds)
        pairs = zip(rounds, samples["ours"], strict=True)
        ratio = statistics.median(s["cpu_ms"] / o["cpu_ms"] for s, o in pairs)
        rate = statistics.median(s["requests"] / s["seconds"] for s in rounds)
        p99, rss = (statistics.median(s[key] for s in rounds) for key in ("p99_ms", "rss_mb"))
        bad = sum(s["not_2xx"] + s["failed"] for s in rounds)
        ours_is_least = ours_is_least and (name == "ours" or ratio > 1)
        print(f"{name:12}{cpu:8.3f}{ratio:8.1f}{rate:12.0f}{p99:8.1f}{rss:6.0f}{bad:5}")
    print(f"load average {os.getloadavg()[0]:.1f}; {arguments.output}")
    return 0 if ours_is_least else 1


if __name__ == "__main__":
    sys.exit(main())
