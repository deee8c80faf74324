"""What the measurements depend on: machine, system, versions, revision."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.comparison import work
from benchmarks.comparison.workload import ROOT

_MEASURED = ("benchmarks/comparison", "benchmarks/toolchains", "dvc_bridge", "flows")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe_machine() -> dict[str, Any]:
    """Return the machine and the system, without its name."""
    return {
        "processor": _find_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "governor": _GOVERNOR.read_text().strip() if _GOVERNOR.exists() else "not readable",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _find_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe_revision() -> dict[str, Any]:
    """Return the git revision of this repository, and whether measured files differ from it."""
    changed = _git("status", "--porcelain", "--", *_MEASURED, "dvc.yaml", "params.yaml")
    return {"revision": _git("rev-parse", "HEAD"), "dirty": bool(changed)}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def seconds_per_block(jobs: int) -> float:
    """Return the seconds in which every core hashes one block, while `jobs` cores do."""
    times = []
    for _ in range(5):
        start_s = time.monotonic()
        threads = [threading.Thread(target=work.spin, args=(40, b"")) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times.append((time.monotonic() - start_s) / 40)
    return min(times)
