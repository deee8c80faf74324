"""Diamonds of trivial stages, compared with runs without dvc-bridge, and of slow stages."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import Any

from benchmarks.argo.fixture import Fixture, Task
from benchmarks.argo.projects import (
    DVC,
    change_params,
    create_project,
    run_command,
    run_name,
    submit,
)
from benchmarks.argo.targets import Result

_FETCH = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())"
PARTS = ("a", "b", "c")
# A slow diamond has this many layers, which run one after the other.
LAYERS, LAYER_S = 3, 12


def diamond_stages(part_s: float, source: str) -> dict[str, dict[str, Any]]:
    """Return a diamond of six stages; each of the three in the middle sleeps for `part_s`."""
    stages: dict[str, dict[str, Any]] = {
        "prep": {
            "cmd": f"cat {source} params.yaml > x",
            "deps": [source],
            "params": ["p"],
            "outs": ["x"],
        }
    }
    sleep = f"sleep {part_s:g}; " if part_s else ""
    for part in PARTS:
        stages[part] = {
            "cmd": f"{sleep}(cat x; echo {part}) > part-{part}",
            "deps": ["x"],
            "outs": [f"part-{part}"],
        }
    outs = [f"part-{part}" for part in PARTS]
    stages["join"] = {"cmd": "cat part-* > joined", "deps": outs, "outs": ["joined"]}
    stages["eval"] = {"cmd": "wc -c < joined > size", "deps": ["joined"], "outs": ["size"]}
    return stages


def measure_trivial_diamond(fixture: Fixture) -> Result:
    """Six trivial stages: ours, one pod that runs `dvc repro`, and a naive pod per stage."""
    root, result = create_project(fixture, "diamond", diamond_stages(0, "raw")), Result()
    (root / "raw").write_text("raw\n" * 1000)
    run_command([*DVC, "add", "--quiet", "raw"], root)
    run_command([*DVC, "push", "--quiet"], root)
    alternatives = {"one pod": [""], "pod per stage": ["prep", *PARTS, "join", "eval"]}
    for _ in range(fixture.scale.rounds):
        change_params(root)
        submission = submit(root)
        assert "6 ran" in submission.output, submission.output  # noqa: S101  equal work
        result.add_sample("ours, s", submission.wall_s)
        result.add_sample("ours: CPU here, s", submission.cpu_s)
        fixture.delete(run_name(submission))
        for alternative, stages in alternatives.items():
            change_params(root)
            result.add_sample(f"{alternative}, s", _run_bare_pods(fixture, root, stages))
        alternatives.pop("pod per stage", None)  # one sample: it takes minutes on a slow machine
    ratio = result.ratio("ours, s", "one pod, s")
    result.add("6 trivial stages: wall / one pod with dvc repro", ratio, 1.5)
    ratio = result.ratio("ours, s", "pod per stage, s")
    result.add("6 trivial stages: wall / naive pod per stage", ratio, 0.35)
    return result


def _run_bare_pods(fixture: Fixture, root: Path, stages: list[str]) -> float:
    """Run stages without dvc-bridge, one per pod: code from the store, pull, repro, push.

    A pod also runs the stages upstream of its stage: it does not have the other pods' dvc.lock.
    Returns the wall seconds.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in (".git", ".dvc/config", "dvc.yaml", "params.yaml", "raw.dvc", ".gitignore"):
            tar.add(root / path, path)
    key = f"{fixture.name}/code-{root.name}.tar.gz"
    fixture.s3.pipe_file(key, archive.getvalue())
    url = fixture.s3.sign(key, 3600)
    fetch = f"mkdir /tmp/p; cd /tmp/p; python3 -c '{_FETCH}' '{url}' | tar xz"
    commands = {
        stage: f"{fetch}; dvc pull -q || true; dvc repro -q {stage} && dvc push -q"
        for stage in stages
    }
    upstream = {"a": ["prep"], "b": ["prep"], "c": ["prep"], "join": [*PARTS], "eval": ["join"]}
    tasks = [
        Task(stage or "all", command, upstream.get(stage, ()))
        for stage, command in commands.items()
    ]
    run, wall_s = fixture.run(tasks)
    fixture.delete(run)
    return wall_s


def measure_slow_diamond(fixture: Fixture) -> Result:
    """A diamond of slow stages, first to record durations, then to measure."""
    slow_s, result = fixture.scale.slow_s, Result()
    root = create_project(fixture, "slow", diamond_stages(slow_s, "in"))
    fixture.delete(run_name(submit(root, "--fuse", "none")))
    change_params(root)
    submission = submit(root)
    fixture.delete(run_name(submission))
    predicted_s = float(re.findall(r"predicted: ([\d.]+) s", submission.output)[0])
    result.add_sample("wall, s", submission.wall_s)
    result.add_sample("predicted, s", predicted_s)
    result.samples["output"] = submission.output
    limit_s = slow_s + LAYERS * LAYER_S
    result.add(f"parallel stages of {slow_s} s: wall, s", submission.wall_s, limit_s)
    error = abs(predicted_s - submission.wall_s) / submission.wall_s
    result.add(f"parallel stages of {slow_s} s: error of the predicted wall", error, 0.25)
    return result
