"""What the tests of the engine `slurm` share."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster.client import dvc
from tests.cluster.projects import WORK

# As KUBECONFIG names a cluster; CONTRIBUTING.md says how to start a SLURM on one machine.
NEEDS_SLURM = pytest.mark.skipif(
    not os.environ.get("SLURM_CONF") or shutil.which("sbatch") is None,
    reason="needs a SLURM that SLURM_CONF names",
)
ONE_NODE = Path(__file__).with_name("one-node")


def make(root: Path, stages: str, settings: str = "") -> Path:
    """Create a project with its own remote, and a sibling `dvc` for DVC itself."""
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "--quiet", "-d", "store", str(root.with_name("remote")))
    files = {"dvc.yaml": stages, "raw": "raw\n", "work": WORK}
    files["dvc-bridge.yaml"] = f"engine: slurm\n{settings}"
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "work").chmod(0o755)
    shutil.copytree(root, root.with_name("dvc"))
    return root


def slurm(*words: str) -> str:
    """Run a command of SLURM, check that it succeeds, and return its output."""
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queue(run: str, *states: str) -> list[str]:
    """Return the jobs of a run, as numbers with indexes, that are pending or go on."""
    chosen = [f"--states={','.join(states)}"] if states else []
    argv = ("squeue", "--noheader", "--array", f"--name={run}", "--format=%i", *chosen)
    return slurm(*argv).split()
