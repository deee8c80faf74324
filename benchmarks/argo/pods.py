"""Workers as processes of this machine: what a pod does, without a cluster around it."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from dvc_bridge.app.remote_run import Remotely, prepared

from benchmarks.argo.figures import Found
from benchmarks.argo.projects import BRIDGE, DVC, Ended, command, layered, project
from benchmarks.argo.space import Space
from dvc_bridge.cli.parser import parser

PODS, LARGE_MB = 5, 200
COUNTS = (10, 5000)


class Run(NamedTuple):
    """A run whose code and plan are in the remote, a stage a pod, and that no Workflow carries out.

    Parameters
    ----------
    words
        Address of each stage -> what its worker is told.
    """

    words: dict[str, str]
    env: dict[str, str]


def planned(root: Path) -> Run:
    """Do what `submit --fuse none` does before it makes a Workflow."""
    with chdir(root), Remotely(parser().parse_args(["submit"])) as remotely:
        settled = prepared(remotely)
        groups = [(found.position,) for found in settled.waiting]
        name = f"{root.name}-{secrets.token_hex(2)}"
        done = remotely.submit(settled, groups, [1] * len(groups), name)
    addresses = [found.stage.address for found in settled.waiting]
    env = {
        "DVC_BRIDGE_RUN": name,
        "DVC_BRIDGE_STORE": json.dumps(remotely.store_settings()),
        "DVC_BRIDGE_CODE": done.code,
    }
    return Run(dict(zip(addresses, done.words, strict=True)), env)


def worker(root: Path, run: Run, address: str) -> Ended:
    """Run the worker of one stage in an empty folder, as its pod does."""
    folder = root.parent / f"pod-{secrets.token_hex(4)}"
    folder.mkdir()
    env = {**run.env, "TMPDIR": str(folder / "tmp")}
    return command([*BRIDGE, "worker", run.words[address]], folder, env)


def overhead(space: Space) -> Found:
    """CPU of a worker beside its stage's command, in plans of 10 and of 5,000 stages."""
    found = Found()
    cmd = "echo {out} > {out}"
    bare = ["sh", "-c", cmd.format(out="x")]
    for _ in range(PODS):
        found.keep("the command alone: CPU, s", command(bare, space.empty).cpu_s)
    runs = {}
    for count in COUNTS:
        stages = layered(1, count, cmd)
        for store, url in (("local", str(space.folder / f"store-{count}")), ("S3", "")):
            root = project(space, f"workers-{store.lower()}-{count}", stages, url=url)
            runs[store, count] = root, planned(root)
    for place in range(PODS):
        for (store, count), (root, run) in runs.items():
            ended = worker(root, run, f"s0-{place * count // PODS}")
            found.keep(f"worker, {store}, {count} stages: CPU, s", ended.cpu_s)
            found.keep(f"worker, {store}, {count} stages: wall, s", ended.wall_s)
    alone_s = found.median("the command alone: CPU, s")
    for store, limit_s in (("local", 0.5), ("S3", 1.0)):
        few, many = (found.median(f"worker, {store}, {n} stages: CPU, s") for n in COUNTS)
        found.add(f"worker beside its command, {store}: CPU, s", few - alone_s, limit_s)
        found.add(f"worker, {store}: CPU with 5,000 stages / with 10", many / few, 1.1)
    return found


def bulk(space: Space) -> Found:
    """CPU and wall of a stage that reads and makes a large file, beside a stage of small ones."""
    found = Found()
    stages = {
        "bulk": {"cmd": "(cat large; echo) > made", "deps": ["large"], "outs": ["made"]},
        "small": {"cmd": "cat in > little", "deps": ["in"], "outs": ["little"]},
    }
    root = project(space, "bulk", stages)
    (root / "large").write_bytes(os.urandom(LARGE_MB * 1_000_000))
    command([*DVC, "add", "--quiet", "large"], root)
    run = planned(root)
    for name in stages:
        ended = worker(root, run, name)
        found.keep(f"{name}: CPU, s", ended.cpu_s)
        found.keep(f"{name}: wall, s", ended.wall_s)
    for what in ("CPU", "wall"):
        more_s = found.median(f"bulk: {what}, s") - found.median(f"small: {what}, s")
        found.add(f"1 GB read and copied by a stage: {what}, s", more_s * 1000 / LARGE_MB)
    return found
