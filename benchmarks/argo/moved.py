"""What a stage moves, counted in front of the object store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from benchmarks.argo.figures import Found
from benchmarks.argo.pods import planned, worker
from benchmarks.argo.projects import BRIDGE, DVC, command, project
from benchmarks.argo.proxy import Proxy, Request
from benchmarks.argo.space import Space

MB = 1_000_000
SIZES = {"one": 3 * MB, "two": 5 * MB, "three": 7 * MB}
# `kept` makes the same whatever the parameter is, so `last` is up to date after it.
STAGES = {
    "kept": {"cmd": "cat one > kept", "deps": ["one"], "params": ["p"], "outs": ["kept"]},
    "other": {"cmd": "cat two > other", "deps": ["two"], "params": ["p"], "outs": ["other"]},
    "last": {"cmd": "cat kept three > last", "deps": ["kept", "three"], "outs": ["last"]},
}
DEPS = {"kept": SIZES["one"], "other": SIZES["two"], "last": SIZES["one"] + SIZES["three"]}


def moved(space: Space) -> Found:
    """Bytes and requests of a stage: all that it reads when it runs, else nothing."""
    found = Found()
    with Proxy(space.endpoint) as proxy:
        root = project(space, "moved", STAGES, endpoint=proxy.endpoint)
        for name, size in SIZES.items():
            (root / name).write_bytes(os.urandom(size))
        command([*DVC, "add", "--quiet", *SIZES], root)
        for way in ("cold", "again"):
            (root / "params.yaml").write_text(f"p: {way}\n")
            requests = _stages(root, proxy)
            for name, done in requests.items():
                found.samples[f"{way}, {name}"] = done
                if way == "cold":
                    pulled = _bytes(done, "GET") / DEPS[name]
                    found.add(f"{name}: pulled / its deps", pulled, 1)
        idle, ran = found.samples["again, last"], found.samples["cold, last"]
        pulled = _bytes(idle, "GET")
        found.add("up to date in its pod: bytes of data pulled", pulled, 0)
        found.add("up to date in its pod: requests", len(idle))
        found.add("a stage that runs, 2 deps and 1 out: requests", len(ran))
        small = sum(r.sent + r.received for r in ran if not r.data)
        found.add("a stage that runs: bytes beside data", small)
    return found


def _stages(root: Path, proxy: Proxy) -> dict[str, list[Request]]:
    """Run a worker a stage and merge the results; give the requests of each worker."""
    run, requests = planned(root), {}
    for name in run.words:
        before = len(proxy.requests)
        worker(root, run, name)
        requests[name] = proxy.requests[before:]
    command([*BRIDGE, "collect", run.env["DVC_BRIDGE_RUN"]], root)
    return requests


def _bytes(requests: Iterable[Request], method: str) -> int:
    return sum(r.received for r in requests if r.data and r.method == method)
