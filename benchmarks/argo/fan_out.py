"""Many pods at once, and the time until the first stage runs, compared with pods without us."""

from __future__ import annotations

import time

from benchmarks.argo.fixture import Fixture, Task
from benchmarks.argo.projects import change_params, create_project, run_name, submit
from benchmarks.argo.targets import Result

PODS, SLEEP_S = 20, 5


def measure_fan_out(fixture: Fixture) -> Result:
    """Sleep in 20 pods at once, and the same in bare pods."""
    result = Result()
    stages = {
        f"s{i}": {
            "cmd": f"sleep {SLEEP_S}; cat params.yaml > o{i}",
            "params": ["p"],
            "outs": [f"o{i}"],
        }
        for i in range(PODS)
    }
    root = create_project(fixture, "fan", stages)
    tasks = [Task(name, f"sleep {SLEEP_S}") for name in stages]
    for _ in range(fixture.scale.rounds):
        change_params(root)
        submission = submit(root, "--fuse", "none")
        fixture.delete(run_name(submission))
        result.add_sample("ours, s", submission.wall_s)
        result.add_sample("ours: CPU here, s", submission.cpu_s)
        run, wall_s = fixture.run(tasks)
        fixture.delete(run)
        result.add_sample("bare, s", wall_s)
    ratio = result.ratio("ours, s", "bare, s")
    result.add("20 x sleep 5, a pod per stage: wall / bare pods", ratio, 1.2)
    return result


def measure_first_stage(fixture: Fixture) -> Result:
    """Time from `submit` to the first stage's process, and the same in a bare pod."""
    result = Result()
    stage = {"cmd": "date +%s.%N > at", "params": ["p"], "outs": ["at"]}
    root = create_project(fixture, "start", {"first": stage})
    for _ in range(fixture.scale.rounds):
        change_params(root)
        start_s = time.time()  # wall clock: the pods read the same clock
        submission = submit(root)
        fixture.delete(run_name(submission))
        result.add_sample("ours, s", float((root / "at").read_text()) - start_s)
        start_s = time.time()
        run, _ = fixture.run([Task("first", "date +%s.%N")])
        result.add_sample("bare, s", float(fixture.pod_output(run)[0]) - start_s)
        fixture.delete(run)
    pairs = zip(result.samples["ours, s"], result.samples["bare, s"], strict=True)
    differences = sorted(ours - bare for ours, bare in pairs)
    median = differences[len(differences) // 2]
    result.add("submit to the first process: s after a bare pod's", median, 2)
    return result
