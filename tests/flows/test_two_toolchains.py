"""`dvc repro` and the Metaflow flow end with the same files, and the comparison would tell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a copy of the repository, with a Metaflow store of its own."""
    env = os.environ | {
        "METAFLOW_USER": "tests",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / ".metaflow"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tracked files as a repository of its own, with a model that fits quickly."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    root = tmp_path / "copy"
    for name in filter(None, listed.stdout.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    params = root / "params.yaml"
    text = params.read_text()
    quick = text.replace("iterations: 50", "iterations: 8").replace("rate: 0.14", "rate: 0.5")
    assert text != quick
    params.write_text(quick)
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "1"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.mark.full
def test_both_make_the_same_files_and_one_other_byte_is_found(copy: Path):
    by_dvc = run(copy, "dvc", "repro")
    assert by_dvc.returncode == 0, by_dvc.stderr
    by_metaflow = run(copy, sys.executable, "flows/train.py", "run", "--force")
    assert by_metaflow.returncode == 0, by_metaflow.stdout + by_metaflow.stderr
    compare = (sys.executable, "benchmarks/compare_outs.py")
    equal = run(copy, *compare)
    assert equal.returncode == 0, equal.stdout
    assert "14 stages ran, 0 were known to DVC" in equal.stdout
    assert equal.stdout.count("  yes\n") == 49
    lock = (copy / "dvc.lock").read_text()
    metrics_md5 = lock.split("path: models/evaluation/metrics.json")[1].split("md5: ")[1][:32]
    (copy / "dvc.lock").write_text(lock.replace(metrics_md5, "0" * 32))
    other = run(copy, *compare)
    assert other.returncode == 1
    assert other.stderr == "\n1 files differ\n"
    assert f"models/evaluation/metrics.json           {'0' * 32}" in other.stdout
