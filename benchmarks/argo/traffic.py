"""The traffic of a stage, counted by a proxy in front of the object store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from benchmarks.argo.fixture import Fixture
from benchmarks.argo.local_workers import plan_run, run_worker
from benchmarks.argo.projects import BRIDGE, DVC, create_project, run_command
from benchmarks.argo.targets import Result
from benchmarks.argo.traffic_proxy import Proxy, Request

MB = 1_000_000
SIZES = {"one": 3 * MB, "two": 5 * MB, "three": 7 * MB}
# The out of `constant` does not depend on its parameter, so `last` is up to date after it.
STAGES = {
    "constant": {
        "cmd": "cat one > constant",
        "deps": ["one"],
        "params": ["p"],
        "outs": ["constant"],
    },
    "other": {"cmd": "cat two > other", "deps": ["two"], "params": ["p"], "outs": ["other"]},
    "last": {"cmd": "cat constant three > last", "deps": ["constant", "three"], "outs": ["last"]},
}
DEPS = {"constant": SIZES["one"], "other": SIZES["two"], "last": SIZES["one"] + SIZES["three"]}


def measure_traffic(fixture: Fixture) -> Result:
    """Bytes and requests of a stage: its deps if it runs, no data otherwise."""
    result = Result()
    with Proxy(fixture.endpoint) as proxy:
        root = create_project(fixture, "traffic", STAGES, endpoint=proxy.endpoint)
        for name, size in SIZES.items():
            (root / name).write_bytes(os.urandom(size))
        run_command([*DVC, "add", "--quiet", *SIZES], root)
        for state in ("cold", "warm"):
            (root / "params.yaml").write_text(f"p: {state}\n")
            for name, requests in _run_stages(root, proxy).items():
                result.samples[f"{state}, {name}"] = requests
                if state == "cold":
                    ratio = _received_bytes(requests, "GET") / DEPS[name]
                    result.add(f"{name}: bytes pulled / bytes of its deps", ratio, 1)
        skipped, ran = result.samples["warm, last"], result.samples["cold, last"]
        result.add("up to date in its pod: data pulled, bytes", _received_bytes(skipped, "GET"), 0)
        result.add("up to date in its pod: requests", len(skipped))
        result.add("a stage that runs, 2 deps and 1 out: requests", len(ran))
        other_bytes = sum(r.sent_bytes + r.received_bytes for r in ran if not r.is_data)
        result.add("a stage that runs: bytes other than data", other_bytes)
    return result


def _run_stages(root: Path, proxy: Proxy) -> dict[str, list[Request]]:
    """Run one worker per stage and merge the results; return the requests of each worker."""
    run, requests = plan_run(root), {}
    for name in run.task_refs:
        start = len(proxy.requests)
        run_worker(root, run, name)
        requests[name] = proxy.requests[start:]
    run_command([*BRIDGE, "collect", run.env["DVC_BRIDGE_RUN"]], root)
    return requests


def _received_bytes(requests: Iterable[Request], method: str) -> int:
    return sum(r.received_bytes for r in requests if r.is_data and r.method == method)
