"""Compare `dvc repro` with `dvc-bridge repro`; print a table, write every sample as JSON.

Each round starts both from copies of the same project, and compares the results, so that only equal
work is timed. Wall and CPU seconds are those of the process with all its children.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

OUT = Path(__file__).parent / "out" / "local.json"
FIT = """\
import sys
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
x, y = make_classification(4000, 30, n_informative=12, random_state=0)
model = RandomForestClassifier(120, random_state=int(sys.argv[1]), n_jobs=1).fit(x, y)
open(sys.argv[2], "w").write(repr(model.score(x, y)))
"""


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Parameters
    ----------
    is_unchanged
        Whether the project has run before, so that no stage has to run.
    rounds
        Runs of each tool; 1 if DVC takes many minutes.
    target
        The ratio of wall times to reach.
    """

    name: str
    stages: int
    cmd: str
    jobs: int
    target: float
    is_unchanged: bool = False
    rounds: int = 3


WORKLOADS = (
    Workload("one stage", 1, "echo {i} > o{i}", 1, 1.0, rounds=7),
    Workload("100 trivial stages, -j1", 100, "echo {i} > o{i}", 1, 8.0),
    Workload("100 x sleep 0.2, -j8", 100, "sleep 0.2; echo {i} > o{i}", 8, 12.0),
    Workload("12 scikit-learn fits, -j2", 12, f"{sys.executable} fit.py {{i}} o{{i}}", 2, 1.95),
    Workload(
        "1,000 stages, nothing changed, -j2", 1000, "echo {i} > o{i}", 2, 8.0, is_unchanged=True
    ),
    Workload("1,000 trivial stages, -j2", 1000, "echo {i} > o{i}", 2, 120.0, rounds=1),
)


@dataclass
class Samples:
    """The samples of one tool in one row: seconds, and the load at the start."""

    command: str
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


def main() -> None:
    """Measure the selected rows, print the table, write the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], help="run rows whose name contains this"
    )
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        header = ("workload", "dvc repro", "dvc-bridge", "ratio", "to reach", "CPU of each", "load")
        print("{:36} {:>11} {:>11} {:>8} {:>8} {:>19} {:>5}".format(*header))
        selected = [w for w in WORKLOADS if not only or any(part in w.name for part in only)]
        results = [measure(workload, Path(name)) for workload in selected]
        scale = [] if only else [measure_scale(Path(name), n) for n in (100, 1000, 5000)]
    for row in scale:
        print(
            f"{row['stages']} stages: first run {row['run_ms_per_stage']:.1f} ms CPU per stage, "
            f"plan {row['plan_cpu_s']:.2f} s CPU, {row['plan_peak_mb']:.0f} MB"
        )
    write_samples({"machine": machine(), "results": results, "scale": scale})


def measure(workload: Workload, folder: Path) -> dict[str, object]:
    """Run both tools in turns and print their row."""
    original = create_project(folder / "original", workload.stages, workload.cmd)
    if workload.is_unchanged:
        run_timed(_list_repro_words(2), original)
    samples_of = {
        "dvc": Samples("dvc repro"),
        "dvc-bridge": Samples(f"dvc-bridge repro -j {workload.jobs}"),
    }
    commands = {"dvc": DVC, "dvc-bridge": _list_repro_words(workload.jobs)}
    for _ in range(workload.rounds):
        results = {}
        for tool, samples in samples_of.items():
            copy = folder / "project"
            shutil.copytree(original, copy, symlinks=True)
            samples.load.append(os.getloadavg()[0])
            wall_s, cpu_s, _ = run_timed(commands[tool], copy)
            samples.wall_s.append(wall_s)
            samples.cpu_s.append(cpu_s)
            results[tool] = (copy / "dvc.lock").read_text(), (copy / ".gitignore").read_text()
            shutil.rmtree(copy)
        if results["dvc"] != results["dvc-bridge"]:
            sys.exit(f"{workload.name}: dvc.lock or .gitignore differs between the two")
    shutil.rmtree(original)
    dvc_s, bridge_s = (median(samples.wall_s) for samples in samples_of.values())
    cpus = " / ".join(f"{median(samples.cpu_s):.1f} s" for samples in samples_of.values())
    load = median([value for samples in samples_of.values() for value in samples.load])
    print(
        f"{workload.name:36} {dvc_s:9.2f} s {bridge_s:9.2f} s {dvc_s / bridge_s:7.2f}x"
        f" {workload.target:7.2f}x {cpus:>19} {load:5.1f}",
        flush=True,
    )
    return {
        "workload": asdict(workload),
        "samples": {tool: asdict(samples) for tool, samples in samples_of.items()},
    }


def measure_scale(folder: Path, stages: int) -> dict[str, float]:
    """Measure the CPU per stage of a first run, and the CPU and memory of a plan."""
    root = create_project(folder / "scale", stages, "echo {i} > o{i}")
    _, run_s, _ = run_timed(_list_repro_words(2), root)
    _, plan_s, peak_mb = run_timed([sys.executable, "-m", "dvc_bridge", "plan"], root)
    shutil.rmtree(root)
    return {
        "stages": stages,
        "run_ms_per_stage": run_s / stages * 1000,
        "plan_cpu_s": plan_s,
        "plan_peak_mb": peak_mb,
    }


DVC = [sys.executable, "-m", "dvc", "repro"]


def _list_repro_words(jobs: int) -> list[str]:
    return [sys.executable, "-m", "dvc_bridge", "repro", "-j", str(jobs)]


def create_project(root: Path, stages: int, cmd: str) -> Path:
    """Create a project of independent stages."""
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=root, check=True)
    (root / "in").write_text("in\n")
    (root / "fit.py").write_text(FIT)
    entries = {
        f"s{i}": {"cmd": cmd.format(i=i), "deps": ["in"], "outs": [f"o{i}"]} for i in range(stages)
    }
    (root / "dvc.yaml").write_text(json.dumps({"stages": entries}, indent=1))
    return root


def run_timed(command: Sequence[str], root: Path) -> tuple[float, float, float]:
    """Run a command, which must succeed; return wall seconds, CPU seconds, peak memory in MB."""
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / ".dvc" / "tmp")}
    start_s = time.monotonic()
    process = subprocess.Popen(
        command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} exited with {process.returncode} in {root}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def machine() -> dict[str, object]:
    """Return what the measurements depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "dvc": version("dvc"),
        "system": platform.platform(),
    }


def write_samples(document: dict[str, object]) -> None:
    """Write the samples to a folder that git ignores."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=1))
    print(f"every sample: {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}")


if __name__ == "__main__":
    main()
