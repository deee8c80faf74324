"""Measure CPU, wall time and peak memory of every stage, run cold and alone; then of `dvc repro`.

Everything happens in a fresh clone of this repository's HEAD, which is deleted afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro

ROOT = Path(__file__).resolve().parent.parent


class Usage(NamedTuple):
    """The usage of a process with its children; `peak_mb` is that of the largest process."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def measure(command: list[str], cwd: Path) -> Usage:
    """Run `command` and return its usage."""
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {child.returncode}")
    return Usage(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024)


def stage_commands(root: Path) -> list[tuple[str, list[str]]]:
    """Return (name, command) of every stage, in the order of `dvc repro`."""
    repo = Repo(str(root))
    return [
        (stage.name, stage.cmd.split())
        for stage in plan_repro(get_active_graph(repo.index.graph))
        if stage.cmd
    ]


def main() -> None:
    """Print the table."""
    print(f"{'stage':24}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}")
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        total = 0.0
        for name, command in stage_commands(clone):
            usage = measure(command, clone)
            total += usage.cpu_s
            print(f"{name:24}{usage.cpu_s:8.1f}{usage.wall_s:8.1f}{usage.peak_mb:9.0f}", flush=True)
        print(f"{'all':24}{total:8.1f}")
        subprocess.run(["git", "clean", "-dfxq", "data", "models"], cwd=clone, check=True)
        usage = measure([sys.executable, "-m", "dvc", "repro", "--quiet"], clone)
        print(f"{'dvc repro, cold':24}{usage.cpu_s:8.1f}{usage.wall_s:8.1f}{usage.peak_mb:9.0f}")
    print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
