"""Many pods at once, and the time until the first stage runs, each beside bare pods."""

from __future__ import annotations

import time

from benchmarks.argo.figures import Found
from benchmarks.argo.projects import project, renew, run_name, submit
from benchmarks.argo.space import Space, Task

PODS, SLEEP_S = 20, 5


def fan(space: Space) -> Found:
    """Sleep in 20 pods at once, and the same of bare pods."""
    found = Found()
    stages = {
        f"s{i}": {
            "cmd": f"sleep {SLEEP_S}; cat params.yaml > o{i}",
            "params": ["p"],
            "outs": [f"o{i}"],
        }
        for i in range(PODS)
    }
    root = project(space, "fan", stages)
    tasks = [Task(name, f"sleep {SLEEP_S}") for name in stages]
    for _ in range(space.scale.rounds):
        renew(root)
        ended = submit(root, "--fuse", "none")
        space.drop(run_name(ended))
        found.keep("ours, s", ended.wall_s)
        found.keep("ours: CPU here, s", ended.cpu_s)
        run, wall_s = space.run(tasks)
        space.drop(run)
        found.keep("bare, s", wall_s)
    found.add("20 x sleep 5, a pod each: wall / bare pods", found.ratio("ours, s", "bare, s"), 1.2)
    return found


def start(space: Space) -> Found:
    """From `submit` to the first stage's process, and the same of a bare pod; clocks agree."""
    found = Found()
    stage = {"cmd": "date +%s.%N > at", "params": ["p"], "outs": ["at"]}
    root = project(space, "start", {"first": stage})
    for _ in range(space.scale.rounds):
        renew(root)
        begin = time.time()
        ended = submit(root)
        space.drop(run_name(ended))
        found.keep("ours, s", float((root / "at").read_text()) - begin)
        begin = time.time()
        run, _ = space.run([Task("first", "date +%s.%N")])
        found.keep("bare, s", float(space.printed(run)[0]) - begin)
        space.drop(run)
    pairs = zip(found.samples["ours, s"], found.samples["bare, s"], strict=True)
    later = sorted(ours - bare for ours, bare in pairs)
    found.add("submit to the first process: s after a bare pod's", later[len(later) // 2], 2)
    return found
