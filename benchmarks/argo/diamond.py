"""Diamonds: of trivial stages beside one pod and a pod a stage, and of slow ones."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import Any

from benchmarks.argo.figures import Found
from benchmarks.argo.projects import DVC, command, project, renew, run_name, submit
from benchmarks.argo.space import Space, Task

_FETCH = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())"
PARTS = ("a", "b", "c")
# Of a slow diamond each of these must be over before the next can begin.
LAYERS, LAYER_S = 3, 12


def stages(part_s: float, source: str) -> dict[str, dict[str, Any]]:
    """Give a diamond of six stages; those in the middle last for so long."""
    made: dict[str, dict[str, Any]] = {
        "prep": {
            "cmd": f"cat {source} params.yaml > x",
            "deps": [source],
            "params": ["p"],
            "outs": ["x"],
        }
    }
    wait = f"sleep {part_s:g}; " if part_s else ""
    for part in PARTS:
        made[part] = {
            "cmd": f"{wait}(cat x; echo {part}) > part-{part}",
            "deps": ["x"],
            "outs": [f"part-{part}"],
        }
    outs = [f"part-{part}" for part in PARTS]
    made["join"] = {"cmd": "cat part-* > joined", "deps": outs, "outs": ["joined"]}
    made["eval"] = {"cmd": "wc -c < joined > size", "deps": ["joined"], "outs": ["size"]}
    return made


def trivial(space: Space) -> Found:
    """Six trivial stages: ours, one pod that runs `dvc repro`, and a pod a stage the naive way."""
    root, found = project(space, "diamond", stages(0, "raw")), Found()
    (root / "raw").write_text("raw\n" * 1000)
    command([*DVC, "add", "--quiet", "raw"], root)
    command([*DVC, "push", "--quiet"], root)
    ways = {"one pod": [""], "pod a stage": ["prep", *PARTS, "join", "eval"]}
    for _ in range(space.scale.rounds):
        renew(root)
        ended = submit(root)
        assert "6 ran" in ended.printed, ended.printed  # noqa: S101  equal work
        found.keep("ours, s", ended.wall_s)
        found.keep("ours: CPU here, s", ended.cpu_s)
        space.drop(run_name(ended))
        for way, names in ways.items():
            renew(root)
            found.keep(f"{way}, s", _bare(space, root, names))
        ways.pop("pod a stage", None)  # minutes on a slow machine: once is enough
    found.add(
        "6 trivial stages: wall / one pod with dvc repro", found.ratio("ours, s", "one pod, s"), 1.5
    )
    found.add(
        "6 trivial stages: wall / naive pod a stage", found.ratio("ours, s", "pod a stage, s"), 0.35
    )
    return found


def _bare(space: Space, root: Path, names: list[str]) -> float:
    """Run stages without dvc-bridge, a pod each: code from the store, pull, repro, push.

    A pod runs what comes before its stage too: dvc.lock of the other pods is not there.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in (".git", ".dvc/config", "dvc.yaml", "params.yaml", "raw.dvc", ".gitignore"):
            tar.add(root / path, path)
    at = f"{space.name}/code-{root.name}.tar.gz"
    space.s3.pipe_file(at, packed.getvalue())
    fetch = f"mkdir /tmp/p; cd /tmp/p; python3 -c '{_FETCH}' '{space.s3.sign(at, 3600)}' | tar xz"
    commands = {
        name: f"{fetch}; dvc pull -q || true; dvc repro -q {name} && dvc push -q" for name in names
    }
    before = {"a": ["prep"], "b": ["prep"], "c": ["prep"], "join": [*PARTS], "eval": ["join"]}
    tasks = [Task(name or "all", text, before.get(name, ())) for name, text in commands.items()]
    run, wall_s = space.run(tasks)
    space.drop(run)
    return wall_s


def slow(space: Space) -> Found:
    """A diamond of slow stages, once so that durations are known, and once measured."""
    slow_s, found = space.scale.slow_s, Found()
    root = project(space, "slow", stages(slow_s, "in"))
    space.drop(run_name(submit(root, "--fuse", "none")))
    renew(root)
    ended = submit(root)
    space.drop(run_name(ended))
    predicted_s = float(re.findall(r"predicted: (\d+) s", ended.printed)[0])
    found.keep("wall, s", ended.wall_s)
    found.keep("predicted, s", predicted_s)
    found.samples["printed"] = ended.printed
    limit_s = slow_s + LAYERS * LAYER_S
    found.add(f"parallel stages of {slow_s} s: wall, s", ended.wall_s, limit_s)
    error = abs(predicted_s - ended.wall_s) / ended.wall_s
    found.add(f"parallel stages of {slow_s} s: error of the predicted wall", error, 0.25)
    return found
