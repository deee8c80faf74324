"""Thousands of stages: when the first one runs, and the CPU of Argo's controller per stage."""

from __future__ import annotations

import json
import time

from benchmarks.argo.fixture import Fixture, Task, controller_cpu_s
from benchmarks.argo.projects import BRIDGE, create_project, layered_stages, run_command, run_name
from benchmarks.argo.targets import Result, SkippedError
from dvc_bridge.dvcio.cache_layout import object_path

ROWS, PARALLELISM = 5, 8
# The plain graph has a fifth of the stages: with all, the controller would be busy for minutes
# before the first pod. A smaller graph costs it less per stage, so this favors the plain graph.
PLAIN_DIVISOR = 5
# The benchmark waits for a tenth of the stages, then stops the run.
FINISHED_DIVISOR = 10
TIMEOUT_S = 600


def measure_wide_graph(fixture: Fixture) -> Result:
    """Five rows of stages, each reading two of the row before, and a fifth as bare pods."""
    result, width = Result(), fixture.scale.width
    try:
        controller_cpu_s()
        has_controller = True
    except SkippedError as reason:
        print(f"    the controller's CPU is not measured: {reason}")
        has_controller = False
    _measure_ours(fixture, result, width, has_controller=has_controller)
    name = f"{ROWS * width} stages, {width} wide"
    first_process_s = result.median("ours: submit to the first process, s")
    result.add(f"{name}: submit to the first process, s", first_process_s, 25)
    if has_controller:
        _measure_plain(fixture, result, width // PLAIN_DIVISOR)
        ratio = result.ratio(
            "ours: controller's CPU per stage, s", "plain: controller's CPU per stage, s"
        )
        result.add(f"{name}: controller's CPU per stage / bare pods", ratio, 0.2)
    return result


def _measure_ours(fixture: Fixture, result: Result, width: int, *, has_controller: bool) -> None:
    stages = layered_stages(ROWS, width, "date +%s.%N > {out}")
    root = create_project(fixture, "wide", stages, argo=f", parallelism: {PARALLELISM}")
    start_cpu_s = controller_cpu_s() if has_controller else 0
    start_time, start_s = time.time(), time.monotonic()
    submission = run_command([*BRIDGE, "submit"], root)
    run = run_name(submission)
    result.add_sample("ours: submit, s", submission.wall_s)
    result.add_sample("ours: submit, CPU here, s", submission.cpu_s)
    n_pods = int(submission.output.split(" stages in ")[1].split(" tasks")[0])
    result.add_sample("ours: pods", n_pods)
    n_finished = _wait_for_stages(fixture, result, run, len(stages), start_time, start_s)
    result.add_sample("ours: finished stages", n_finished)
    elapsed_s = time.monotonic() - start_s
    result.add_sample("ours: time to finish them, s", elapsed_s)
    pods_s = PARALLELISM * (elapsed_s - result.median("ours: submit to the first process, s"))
    result.add(f"a stage in a shared pod, {PARALLELISM} pods in parallel: s", pods_s / n_finished)
    if has_controller:
        cpu_s = (controller_cpu_s() - start_cpu_s) / n_finished
        result.add_sample("ours: controller's CPU per stage, s", cpu_s)
    nodes = fixture.cluster.fetch(run)["status"].get("nodes", {})
    if nodes:  # Argo compresses them if there are many
        bytes_per_pod = len(json.dumps(nodes, separators=(",", ":"))) / len(nodes)
        result.add("state of a Workflow: bytes per started pod", bytes_per_pod)
    run_command([*BRIDGE, "stop", run], root)
    fixture.delete(run)


def _wait_for_stages(
    fixture: Fixture, result: Result, run: str, n_stages: int, start_time: float, start_s: float
) -> int:
    """Wait until enough stages have finished; return how many have.

    Adds the sample of the first process. `start_time` is wall clock time, `start_s` monotonic.
    """
    folder = f"{fixture.name}/wide/bridge/runs/{run}/stages"
    n_required = n_stages // FINISHED_DIVISOR
    has_first = False
    while True:
        names = fixture.s3.find(folder)
        if names and not has_first:
            first_time = min(_start_time(fixture, name) for name in names)
            result.add_sample("ours: submit to the first process, s", first_time - start_time)
            has_first = True
        if len(names) >= n_required:
            return len(names)
        if time.monotonic() - start_s > TIMEOUT_S:
            raise SystemExit(f"{run}: {len(names)} of {n_required} stages in {TIMEOUT_S} s")
        time.sleep(0.5)


def _start_time(fixture: Fixture, name: str) -> float:
    """Return the contents of a stage's out, given the stage's result."""
    (out,) = json.loads(fixture.s3.cat_file(name))["entry"]["outs"]
    md5 = out["md5"]
    return float(fixture.s3.cat_file(f"{fixture.name}/wide/{object_path(md5)}"))


def _measure_plain(fixture: Fixture, result: Result, width: int) -> None:
    stages = layered_stages(ROWS, width, "{out}")
    task_of_out = {f"o{stage[1:]}": f"g{i}" for i, stage in enumerate(stages)}
    tasks = [
        Task(f"g{i}", "date", [task_of_out[dep] for dep in stage["deps"] if dep in task_of_out])
        for i, stage in enumerate(stages.values())
    ]
    n_required = len(tasks) // FINISHED_DIVISOR
    start_cpu_s, start_s = controller_cpu_s(), time.monotonic()
    run = fixture.create(tasks, PARALLELISM)
    while True:
        time.sleep(2)
        pods = fixture.cluster.get(run).tasks
        n_finished = sum(pod.phase == "Succeeded" for pod in pods)
        if pods and "plain: submit to the first pod, s" not in result.samples:
            result.add_sample("plain: submit to the first pod, s", time.monotonic() - start_s)
        if n_finished >= n_required:
            break
        if time.monotonic() - start_s > TIMEOUT_S:
            raise SystemExit(f"{run}: {n_finished} of {n_required} pods in {TIMEOUT_S} s")
    result.add_sample("plain: pods", len(tasks))
    result.add_sample("plain: finished pods", n_finished)
    result.add_sample("plain: time to finish them, s", time.monotonic() - start_s)
    cpu_s = (controller_cpu_s() - start_cpu_s) / n_finished
    result.add_sample("plain: controller's CPU per stage, s", cpu_s)
    fixture.delete(run)
