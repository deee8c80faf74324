"""Thousands of stages: when the first runs, and what Argo's controller spends on each."""

from __future__ import annotations

import json
import time

from benchmarks.argo.figures import Found, SkippedError
from benchmarks.argo.projects import BRIDGE, command, layered, project, run_name
from benchmarks.argo.space import Space, Task, controller_cpu_s

ROWS, AT_ONCE = 5, 8
# A plain graph of all stages would keep the controller busy for minutes before the first pod;
# a smaller one costs it less a stage, which is to its favour.
PLAIN_PART = 5
# Of the stages, so many are waited for; the rest is stopped.
DONE_PART = 10
PATIENCE_S = 600


def wide(space: Space) -> Found:
    """Five rows of stages, each reading two of the row before, and a fifth of them as bare pods."""
    found, width = Found(), space.scale.wide
    try:
        controller_cpu_s()
        counted = True
    except SkippedError as why:
        print(f"    the controller's CPU is not measured: {why}")
        counted = False
    _ours(space, found, width, counted=counted)
    name = f"{ROWS * width} stages, {width} wide"
    started_s = found.median("ours: submit to the first process, s")
    found.add(f"{name}: submit to the first process, s", started_s, 25)
    if counted:
        _plain(space, found, width // PLAIN_PART)
        ratio = found.ratio(
            "ours: controller's CPU a stage, s", "plain: controller's CPU a stage, s"
        )
        found.add(f"{name}: controller's CPU a stage / bare pods", ratio, 0.2)
    return found


def _ours(space: Space, found: Found, width: int, *, counted: bool) -> None:
    stages = layered(ROWS, width, "date +%s.%N > {out}")
    root = project(space, "wide", stages, argo=f", parallelism: {AT_ONCE}")
    cpu_s, begin, begin_s = controller_cpu_s() if counted else 0, time.time(), time.monotonic()
    ended = command([*BRIDGE, "submit"], root)
    run = run_name(ended)
    found.keep("ours: submit, s", ended.wall_s)
    found.keep("ours: submit, CPU here, s", ended.cpu_s)
    found.keep("ours: pods", int(ended.printed.split(" stages in ")[1].split(" pods")[0]))
    folder, wanted = f"{space.name}/wide/bridge/runs/{run}/stages", len(stages) // DONE_PART
    first: float | None = None
    while True:
        names = space.s3.find(folder)
        if names and first is None:
            first = min(_printed(space, name) for name in names)
            found.keep("ours: submit to the first process, s", first - begin)
        if len(names) >= wanted:
            break
        if time.monotonic() - begin_s > PATIENCE_S:
            raise SystemExit(f"{run}: {len(names)} of {wanted} stages in {PATIENCE_S} s")
        time.sleep(0.5)
    found.keep("ours: stages that have finished", len(names))
    until_s = time.monotonic() - begin_s
    found.keep("ours: until then, s", until_s)
    pods_s = AT_ONCE * (until_s - found.median("ours: submit to the first process, s"))
    found.add(f"a stage in a shared pod, {AT_ONCE} pods at a time: s", pods_s / len(names))
    if counted:
        found.keep("ours: controller's CPU a stage, s", (controller_cpu_s() - cpu_s) / len(names))
    nodes = space.cluster.fetch(run)["status"].get("nodes", {})
    if nodes:  # Argo packs them once they are many
        state = len(json.dumps(nodes, separators=(",", ":"))) / len(nodes)
        found.add("state of a Workflow: bytes a pod that has begun", state)
    command([*BRIDGE, "stop", run], root)
    space.drop(run)


def _printed(space: Space, name: str) -> float:
    """Give what a stage has written, by its result."""
    (out,) = json.loads(space.s3.cat_file(name))["entry"]["outs"]
    md5 = out["md5"]
    return float(space.s3.cat_file(f"{space.name}/wide/files/md5/{md5[:2]}/{md5[2:]}"))


def _plain(space: Space, found: Found, width: int) -> None:
    graph = layered(ROWS, width, "{out}")
    number = {f"o{name[1:]}": f"g{place}" for place, name in enumerate(graph)}
    tasks = [
        Task(f"g{place}", "date", [number[dep] for dep in stage["deps"] if dep in number])
        for place, stage in enumerate(graph.values())
    ]
    wanted = len(tasks) // DONE_PART
    cpu_s, begin_s = controller_cpu_s(), time.monotonic()
    run = space.create(tasks, AT_ONCE)
    while True:
        time.sleep(2)
        pods = space.cluster.get(run).pods
        done = sum(pod.phase == "Succeeded" for pod in pods)
        if pods and "plain: submit to the first pod, s" not in found.samples:
            found.keep("plain: submit to the first pod, s", time.monotonic() - begin_s)
        if done >= wanted:
            break
        if time.monotonic() - begin_s > PATIENCE_S:
            raise SystemExit(f"{run}: {done} of {wanted} pods in {PATIENCE_S} s")
    found.keep("plain: pods", len(tasks))
    found.keep("plain: pods that have finished", done)
    found.keep("plain: until then, s", time.monotonic() - begin_s)
    found.keep("plain: controller's CPU a stage, s", (controller_cpu_s() - cpu_s) / done)
    space.drop(run)
