"""The script of `convert --kind slurm` ends, with `collect`, where `dvc repro` ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.client import assert_as_dvc
from tests.cluster.projects import CHAIN
from tests.slurm.conftest import NEEDS_SLURM, make, queue
from tests.support.commands import bridge, git

pytestmark = NEEDS_SLURM


def test_the_script_of_convert_ends_where_dvc_repro_ends(tmp_path: Path) -> None:
    root = make(tmp_path / "ours", CHAIN, f"slurm: {{python: '{sys.executable}'}}\n")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "x")
    script = tmp_path / "submit.sh"
    bridge(root, "convert", "--kind", "slurm", "--repo", str(root), "-o", str(script))
    assert "is what the pipeline" in bridge(
        root, "convert", "--kind", "slurm", "--repo", str(root), "-o", str(script), "--check"
    )
    done = subprocess.run(
        ["bash", script],
        cwd=tmp_path,
        env={**os.environ, "RUN": "reviewed"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "run reviewed:" in done.stdout
    for _ in range(600):
        if not queue("reviewed"):
            break
        time.sleep(0.2)
    bridge(root, "collect", "reviewed")
    assert_as_dvc(root)
