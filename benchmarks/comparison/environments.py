"""The environment of each toolchain: this repository's, or one from its own lock file."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.comparison.toolchain import FOLDER, Toolchain
from benchmarks.comparison.workload import ROOT

ENVIRONMENTS = ROOT / ".venv-bench"
_LOCK = "requirements.txt"
OWN_BIN = Path(sys.executable).parent


def bin_folder(name: str) -> Path:
    """Return the folder of a toolchain's programs."""
    return ENVIRONMENTS / name / "bin" if (FOLDER / name / _LOCK).exists() else OWN_BIN


def create_environment(name: str) -> str:
    """Create a toolchain's environment from its lock file, unless it exists and is current.

    Returns
    -------
    str
        What went wrong; empty if the environment is there.
    """
    lock, folder = FOLDER / name / _LOCK, ENVIRONMENTS / name
    installed = folder / _LOCK
    if not lock.exists() or (installed.exists() and installed.read_text() == lock.read_text()):
        return ""
    uv, python = str(OWN_BIN / "uv"), str(folder / "bin" / "python")
    commands = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", str(lock), "--python", python],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"not installed: {done.stderr.strip()[-300:]}"
    shutil.copyfile(lock, installed)
    return ""


def find_version(name: str, toolchain: Toolchain) -> str:
    """Return the version of a toolchain; empty if it is not installed."""
    lock = FOLDER / name / _LOCK
    if toolchain.package and lock.exists():
        pinned = re.search(rf"^{re.escape(toolchain.package)}==([^ ;]+)", lock.read_text(), re.M)
        return pinned.group(1) if pinned else ""
    if toolchain.package:
        return importlib.metadata.version(toolchain.package)
    command = list(toolchain.version_command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found and not done.returncode else ""


def read_release_dates() -> dict[str, str]:
    """Return package -> year and month of the release that is locked, as releases.json says."""
    dates: dict[str, str] = json.loads((FOLDER / "releases.json").read_text())
    return dates


def variables(home: Path, project: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a measured command.

    Parameters
    ----------
    home
        The home folder of all measured commands, so that none reads or writes the user's.
    extra
        Those of the toolchain.
    """
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    clusters = {
        name: v for name, v in os.environ.items() if name.startswith(("KUBE", "AWS_", "SLURM_"))
    }
    return {
        **kept,
        **clusters,
        "PATH": f"{OWN_BIN}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "SHELL": "/bin/sh",
        "USER": "comparison",
        "METAFLOW_USER": "comparison",
        "METAFLOW_HOME": str(project / ".metaflow-home"),
        "OMP_WAIT_POLICY": "PASSIVE",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "DVC_SITE_CACHE_DIR": str(project / ".dvc" / "tmp" / "site"),
        "GIT_AUTHOR_NAME": "comparison",
        "GIT_AUTHOR_EMAIL": "comparison@example.org",
        "GIT_COMMITTER_NAME": "comparison",
        "GIT_COMMITTER_EMAIL": "comparison@example.org",
        **extra,
    }
