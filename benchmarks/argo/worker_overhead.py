"""The overhead of a worker compared with its stage's command, for small and for large data."""

from __future__ import annotations

import os

from benchmarks.argo.fixture import Fixture
from benchmarks.argo.local_workers import plan_run, run_worker
from benchmarks.argo.projects import DVC, create_project, layered_stages, run_command
from benchmarks.argo.targets import Result

PODS, LARGE_MB = 5, 200
COUNTS = (10, 5000)


def measure_worker(fixture: Fixture) -> Result:
    """CPU of a worker in addition to its stage's command, in plans of 10 and of 5,000 stages."""
    result = Result()
    cmd = "echo {out} > {out}"
    argv = ["sh", "-c", cmd.format(out="x")]
    for _ in range(PODS):
        sample = run_command(argv, fixture.empty_folder)
        result.add_sample("the command alone: CPU, s", sample.cpu_s)
    runs = {}
    for count in COUNTS:
        stages = layered_stages(1, count, cmd)
        for store, url in (("local", str(fixture.folder / f"store-{count}")), ("S3", "")):
            root = create_project(fixture, f"workers-{store.lower()}-{count}", stages, url=url)
            runs[store, count] = root, plan_run(root)
    for i in range(PODS):
        for (store, count), (root, run) in runs.items():
            sample = run_worker(root, run, f"s0-{i * count // PODS}")
            result.add_sample(f"worker, {store}, {count} stages: CPU, s", sample.cpu_s)
            result.add_sample(f"worker, {store}, {count} stages: wall, s", sample.wall_s)
    command_s = result.median("the command alone: CPU, s")
    for store, limit_s in (("local", 0.5), ("S3", 1.0)):
        few_s, many_s = (result.median(f"worker, {store}, {n} stages: CPU, s") for n in COUNTS)
        result.add(f"worker without its command, {store}: CPU, s", few_s - command_s, limit_s)
        result.add(f"worker, {store}: CPU with 5,000 stages / with 10", many_s / few_s, 1.1)
    return result


def measure_bulk(fixture: Fixture) -> Result:
    """CPU and wall of a stage that reads and writes a large file, compared with small files."""
    result = Result()
    stages = {
        "bulk": {"cmd": "(cat large; echo) > copy", "deps": ["large"], "outs": ["copy"]},
        "small": {"cmd": "cat in > little", "deps": ["in"], "outs": ["little"]},
    }
    root = create_project(fixture, "bulk", stages)
    (root / "large").write_bytes(os.urandom(LARGE_MB * 1_000_000))
    run_command([*DVC, "add", "--quiet", "large"], root)
    run = plan_run(root)
    for name in stages:
        sample = run_worker(root, run, name)
        result.add_sample(f"{name}: CPU, s", sample.cpu_s)
        result.add_sample(f"{name}: wall, s", sample.wall_s)
    for kind in ("CPU", "wall"):
        difference_s = result.median(f"bulk: {kind}, s") - result.median(f"small: {kind}, s")
        result.add(f"1 GB read and copied by a stage: {kind}, s", difference_s * 1000 / LARGE_MB)
    return result
