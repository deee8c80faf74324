"""`dvc repro` and `dvc-bridge repro` on equal work, in turns; the table and every sample as JSON.

Each round starts both from the same fresh copy; what they leave is compared, so that only equal
work is timed. Wall and CPU seconds are of the whole process with its children.
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
from collections.abc import Callable, Sequence
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
class Work:
    """One row of the table.

    Parameters
    ----------
    ready
        Whether the project has been run before: then nothing has changed.
    rounds
        Of each side; 1 where DVC alone takes many minutes.
    target
        The ratio of wall times to reach.
    """

    name: str
    stages: int
    cmd: str
    jobs: int
    target: float
    ready: bool = False
    rounds: int = 3


WORKS = (
    Work("one stage", 1, "echo {i} > o{i}", 1, 1.0, rounds=7),
    Work("100 trivial stages, -j1", 100, "echo {i} > o{i}", 1, 8.0),
    Work("100 x sleep 0.2, -j8", 100, "sleep 0.2; echo {i} > o{i}", 8, 12.0),
    Work("12 scikit-learn fits, -j2", 12, f"{sys.executable} fit.py {{i}} o{{i}}", 2, 1.95),
    Work("1,000 stages, nothing changed, -j2", 1000, "echo {i} > o{i}", 2, 8.0, ready=True),
    Work("1,000 trivial stages, -j2", 1000, "echo {i} > o{i}", 2, 120.0, rounds=1),
)


@dataclass
class Samples:
    """What was measured of one side of one row: seconds, and the load when it began."""

    command: str
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


def main() -> None:
    """Measure the rows that are asked for, print the table, keep the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="part of a row's name")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        head = ("work", "dvc repro", "dvc-bridge", "ratio", "to reach", "CPU of each", "load")
        print("{:36} {:>11} {:>11} {:>8} {:>8} {:>19} {:>5}".format(*head))
        chosen = [w for w in WORKS if not only or any(part in w.name for part in only)]
        results = [measure(work, Path(name)) for work in chosen]
        scale = [] if only else [cost(Path(name), stages) for stages in (100, 1000, 5000)]
    for row in scale:
        print(
            f"{row['stages']} stages: first run {row['run_ms_a_stage']:.1f} ms CPU a stage, "
            f"plan {row['plan_cpu_s']:.2f} s CPU, {row['plan_peak_mb']:.0f} MB"
        )
    keep({"machine": machine(), "results": results, "scale": scale})


def measure(work: Work, folder: Path) -> dict[str, object]:
    """Run both sides in turns and print their row."""
    start = make(folder / "start", work.stages, work.cmd)
    if work.ready:
        timed(BRIDGE(2), start)
    sides = {
        "dvc": Samples("dvc repro"),
        "dvc-bridge": Samples(f"dvc-bridge repro -j {work.jobs}"),
    }
    commands = {"dvc": DVC, "dvc-bridge": BRIDGE(work.jobs)}
    for _ in range(work.rounds):
        left = {}
        for side, samples in sides.items():
            here = folder / "project"
            shutil.copytree(start, here, symlinks=True)
            samples.load.append(os.getloadavg()[0])
            wall_s, cpu_s, _ = timed(commands[side], here)
            samples.wall_s.append(wall_s)
            samples.cpu_s.append(cpu_s)
            left[side] = (here / "dvc.lock").read_text(), (here / ".gitignore").read_text()
            shutil.rmtree(here)
        if left["dvc"] != left["dvc-bridge"]:
            sys.exit(f"{work.name}: the two did not end with the same dvc.lock and .gitignore")
    shutil.rmtree(start)
    theirs, ours = (median(samples.wall_s) for samples in sides.values())
    cpus = " / ".join(f"{median(samples.cpu_s):.1f} s" for samples in sides.values())
    load = median([value for samples in sides.values() for value in samples.load])
    print(
        f"{work.name:36} {theirs:9.2f} s {ours:9.2f} s {theirs / ours:7.2f}x {work.target:7.2f}x"
        f" {cpus:>19} {load:5.1f}",
        flush=True,
    )
    return {"work": asdict(work), "sides": {k: asdict(v) for k, v in sides.items()}}


def cost(folder: Path, stages: int) -> dict[str, float]:
    """CPU a stage of a first run, and CPU and memory of a plan."""
    root = make(folder / "scale", stages, "echo {i} > o{i}")
    _, run_s, _ = timed(BRIDGE(2), root)
    _, plan_s, peak_mb = timed([sys.executable, "-m", "dvc_bridge", "plan"], root)
    shutil.rmtree(root)
    return {
        "stages": stages,
        "run_ms_a_stage": run_s / stages * 1000,
        "plan_cpu_s": plan_s,
        "plan_peak_mb": peak_mb,
    }


DVC = [sys.executable, "-m", "dvc", "repro"]
BRIDGE: Callable[[int], list[str]] = lambda jobs: [  # noqa: E731
    *(sys.executable, "-m", "dvc_bridge", "repro", "-j", str(jobs))
]


def make(root: Path, stages: int, cmd: str) -> Path:
    """Make a project of independent stages."""
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


def timed(command: Sequence[str], root: Path) -> tuple[float, float, float]:
    """Run a command that must succeed: wall and CPU seconds, peak memory in MB."""
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / ".dvc" / "tmp")}
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} exited with {process.returncode} in {root}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def machine() -> dict[str, object]:
    """Say on what this was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "dvc": version("dvc"),
        "system": platform.platform(),
    }


def keep(found: dict[str, object]) -> None:
    """Write the samples where git does not see them."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1))
    print(f"every sample: {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}")


if __name__ == "__main__":
    main()
