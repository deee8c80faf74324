"""Measure runs on SLURM against bare jobs; write every sample to benchmarks/out/slurm.json.

Needs a SLURM that SLURM_CONF names; CONTRIBUTING.md says how to start one on one machine. The
alternatives run in turns, and every round begins with `--force`. The exit code is 1 if a target is
missed. Bare jobs of a chain are measured twice: with the commands alone, which record nothing, and
with `dvc repro --single-item` for each stage, which is the work that a task does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.argo.targets import ROOT, Result, environment

DVC = (sys.executable, "-m", "dvc")
BRIDGE = (sys.executable, "-m", "dvc_bridge")
Stages = Mapping[str, Mapping[str, Any]]
_TICKS_S = os.sysconf("SC_CLK_TCK")


def run(argv: Sequence[str], folder: Path) -> tuple[float, str]:
    """Run a command that must succeed; return its wall time in seconds and its output."""
    start = time.monotonic()
    variables = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        argv, check=False, cwd=folder, env=variables, capture_output=True, text=True
    )
    wall_s = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"{shlex.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return wall_s, done.stdout + done.stderr


def create(folder: Path, stages: Stages) -> Path:
    """Create a project with a remote next to it."""
    root = folder / "project"
    root.mkdir(parents=True)
    run(["git", "init", "--quiet"], root)
    run([*DVC, "init", "--quiet"], root)
    run([*DVC, "remote", "add", "--quiet", "-d", "store", str(folder / "remote")], root)
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (root / "dvc-bridge.yaml").write_text("engine: slurm\n")
    return root


def pause() -> None:
    """Wait for up to a second, so that a sample begins at any time of the scheduler's period.

    SLURM starts jobs at fixed times, here once or twice a second. A sample that begins when the one
    before has ended would always meet these times in the same way: one alternative would wait for
    them, and the other would not.
    """
    time.sleep(random.random())  # noqa: S311  no secret


def submit(root: Path, fuse: str, *words: str) -> tuple[float, str]:
    """Run all stages with `submit --wait`."""
    pause()
    return run([*BRIDGE, "submit", "--force", "--wait", "--fuse", fuse, *words], root)


def bare(root: Path, commands: Sequence[Sequence[str]], *, chained: bool) -> float:
    """Run commands as bare jobs, and return the seconds until the last has ended."""
    pause()
    start = time.monotonic()
    previous: list[str] = []
    for command in commands:
        depends = [f"--dependency=afterok:{previous[-1]}"] if chained and previous else []
        script = f"--wrap=cd {shlex.quote(str(root))} && {shlex.join(command)}"
        argv = ["sbatch", "--parsable", "--output=/dev/null", "--job-name=bare", *depends, script]
        previous.append(run(argv, root)[1].strip())
    while run(["squeue", "--noheader", "--name=bare"], root)[1].strip():
        time.sleep(0.1)
    return time.monotonic() - start


def chain(length: int) -> Stages:
    """Return stages that wait for one another."""
    stages: dict[str, Any] = {}
    for n in range(length):
        deps = [f"o{n - 1}"] if n else []
        stages[f"s{n}"] = {"cmd": f"echo {n} > o{n}", "deps": deps, "outs": [f"o{n}"]}
    return stages


def wide(count: int, command: str) -> Stages:
    """Return stages that wait for nothing."""
    return {
        f"s{n}": {"cmd": f"{command}; echo {n} > o{n}", "outs": [f"o{n}"]} for n in range(count)
    }


def measure_chain(folder: Path, rounds: int) -> Result:
    """Compare a chain of six trivial stages, one task each, with six dependent jobs."""
    result = Result()
    stages = chain(6)
    root = create(folder, stages)
    commands = [["sh", "-c", str(stage["cmd"])] for stage in stages.values()]
    repro = [[*DVC, "repro", "--quiet", "--force", "--single-item", name] for name in stages]
    for _ in range(rounds):
        result.add_sample("bare commands s", bare(root, commands, chained=True))
        result.add_sample("bare dvc repro -s s", bare(root, repro, chained=True))
        result.add_sample("submit --fuse none s", submit(root, "none")[0])
    ratio = result.ratio("submit --fuse none s", "bare dvc repro -s s")
    result.add("chain of 6, fuse none / six bare jobs with dvc repro -s", ratio, 1.5)
    ratio = result.ratio("submit --fuse none s", "bare commands s")
    result.add("chain of 6, fuse none / six bare jobs with the commands", ratio, 1.5)
    return result


def measure_fused(folder: Path, rounds: int) -> Result:
    """Compare a chain of six trivial stages in one task with one job that runs `dvc repro`."""
    result = Result()
    root = create(folder, chain(6))
    whole = [[*DVC, "repro", "--quiet", "--force"]]
    for _ in range(rounds):
        result.add_sample("one bare job with dvc repro s", bare(root, whole, chained=False))
        result.add_sample("submit --fuse auto s", submit(root, "auto")[0])
    ratio = result.ratio("submit --fuse auto s", "one bare job with dvc repro s")
    result.add("chain of 6, fuse auto / one bare job with dvc repro", ratio, 1.3)
    return result


def measure_sleeps(folder: Path, rounds: int) -> Result:
    """Compare 100 stages that sleep with 100 bare jobs, and the plan's prediction with the run."""
    result = Result()
    stages = wide(100, "sleep 2")
    root = create(folder, stages)
    commands = [["sh", "-c", str(stage["cmd"])] for stage in stages.values()]
    submit(root, "auto")  # from now on, the durations are known
    for _ in range(rounds):
        result.add_sample("bare sleeps s", bare(root, commands, chained=False))
        wall_s, printed = submit(root, "auto")
        result.add_sample("submit sleeps s", wall_s)
        result.add_sample("tasks took s", _run_s(root))
        result.add_sample("predicted s", float(re.findall(r"predicted: ([\d.]+) s", printed)[0]))
        result.add_sample("tasks", int(re.findall(r"in (\d+) tasks?", printed)[0]))
    result.add("100 x sleep 2 / bare jobs", result.ratio("submit sleeps s", "bare sleeps s"), 1.25)
    error = abs(result.ratio("predicted s", "tasks took s") - 1)
    result.add("100 x sleep 2: error of the predicted wall", error, 0.25)
    error = abs(result.ratio("predicted s", "submit sleeps s") - 1)
    result.add("100 x sleep 2: the same, with the client's own time", error)
    return result


def _run_s(root: Path) -> float:
    """Return the seconds from the submission of the last run to the end of its last task."""
    traces = (root / ".dvc/tmp/dvc-bridge/runs").glob("*.json")
    newest = max(traces, key=lambda path: path.stat().st_mtime)
    trace = json.loads(newest.read_text())
    return float(trace["ended"]) - float(trace["started"])


def measure_submit(folder: Path, rounds: int) -> Result:
    """Measure the submission of 1,000 tasks with one stage each."""
    result = Result()
    root = create(folder, wide(1000, "true"))
    for _ in range(rounds):
        wall_s, printed = run([*BRIDGE, "submit", "--force", "--fuse", "none"], root)
        result.add_sample("submit of 1,000 tasks s", wall_s)
        run([*BRIDGE, "stop", re.findall(r"^run (\S+):", printed, re.MULTILINE)[0]], root)
        while run(["squeue", "--noheader"], root)[1].strip():
            time.sleep(0.5)
    result.add("submit of 1,000 one-stage tasks, s", result.median("submit of 1,000 tasks s"), 10)
    return result


def measure_layers(folder: Path, rounds: int) -> Result:
    """Run five layers of 1,000 stages, and measure the controller's CPU time."""
    result = Result()
    stages: dict[str, Any] = {}
    for layer in range(5):
        for n in range(1000):
            deps = [f"o{layer - 1}-{n}"] if layer else []
            out = f"o{layer}-{n}"
            stages[f"s{layer}-{n}"] = {"cmd": f"echo > {out}", "deps": deps, "outs": [out]}
    root = create(folder, stages)
    for _ in range(rounds):
        before_s = _controller_s()
        result.add_sample("5,000 stages s", submit(root, "auto")[0])
        result.add_sample("controller ms per stage", (_controller_s() - before_s) / 5)
    result.add("5,000 stages in five layers, s", result.median("5,000 stages s"))
    result.add("CPU of the controller per stage, ms", result.median("controller ms per stage"))
    return result


def _controller_s() -> float:
    """Return the CPU time of slurmctld in seconds."""
    pid = Path(os.environ["SLURM_CONF"]).with_name("slurmctld.pid").read_text().strip()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_S


BENCHMARKS: dict[str, Callable[[Path, int], Result]] = {
    "chain": measure_chain,
    "fused": measure_fused,
    "sleeps": measure_sleeps,
    "submit": measure_submit,
    "layers": measure_layers,
}


def main() -> int:
    """Run the selected benchmarks, print the table, write the samples."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slurm", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run this benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/out/slurm.json")
    args = parser.parse_args()
    if not os.environ.get("SLURM_CONF"):
        raise SystemExit("needs a SLURM that SLURM_CONF names; see CONTRIBUTING.md")
    version = run(["sbatch", "--version"], ROOT)[1].strip()
    document: dict[str, Any] = {"environment": environment() | {"slurm": version}}
    results: dict[str, Result] = {}
    for name in args.only or BENCHMARKS:
        print(name, flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            load = os.getloadavg()
            results[name] = BENCHMARKS[name](Path(folder), args.rounds)
        document[name] = results[name].to_json() | {"load": [load, os.getloadavg()]}
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(document, indent=1) + "\n")
    measurements = [m for result in results.values() for m in result.measurements]
    print(f"\n  {'':58}{'limit':>10}{'measured':>10}")
    for measurement in measurements:
        print(measurement.line())
    print(f"every sample: {args.output}")
    return 0 if all(measurement.meets_target for measurement in measurements) else 1


if __name__ == "__main__":
    sys.exit(main())
