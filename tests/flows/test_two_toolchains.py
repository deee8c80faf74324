"""`dvc repro` and the Metaflow flow write the same files, and the comparison finds a difference."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from benchmarks import compare_outs
from tests.conftest import REPOSITORY
from tests.support.local_flow import own_store


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in a copy of the repository, with a Metaflow store of its own."""
    own_store(folder)
    env = os.environ | {
        "METAFLOW_USER": "tests",
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


def written_files(root: Path) -> list[Path]:
    """Return every file that a stage wrote."""
    files = [f for folder in ("data", "models") for f in (root / folder).rglob("*") if f.is_file()]
    return [f for f in files if f.name not in ("README.md", ".gitignore")]


def last_run(**outs: str) -> SimpleNamespace:
    """Return what the comparison reads of a Metaflow run: outs with their md5, and scores."""
    windows = ("test", "test_baseline", "backtest", "backtest_baseline")
    scores = {window: {"auc": 0.7, "log_loss": 0.5} for window in windows}
    dvc = {"outs": {path: {"md5": md5} for path, md5 in outs.items()}}
    data = SimpleNamespace(dvc=dvc | {"computed": [], "restored": []}, metrics=scores)
    return SimpleNamespace(id="1", data=data)


@pytest.mark.parametrize(
    ("outs", "code", "message"),
    [
        ({"a": "1", "b": "2"}, 0, ""),
        ({"a": "1", "b": "3"}, 1, "1 files differ"),
        ({"a": "1"}, 1, "1 files differ"),
        ({"a": "1", "b": "2", "c": "3"}, 1, "1 files differ"),
    ],
)
def test_the_comparison_ends_with_1_if_a_file_differs_or_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outs: Any,
    code: int,
    message: str,
) -> None:
    locked = {
        "stages": {"s": {"outs": [{"path": p, "md5": m} for p, m in (("a", "1"), ("b", "2"))]}}
    }
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(locked))
    monkeypatch.setattr(compare_outs, "ROOT", tmp_path)
    monkeypatch.setattr(compare_outs, "last_run", lambda: last_run(**outs))
    assert compare_outs.main() == code
    assert capsys.readouterr().err.strip() == message


def check_sync(copy: Path) -> None:
    """Check that the run's results, synced to the commit, are what `dvc repro` wrote."""
    files = [*written_files(copy), copy / "dvc.lock", *copy.glob("data/**/.gitignore")]
    by_dvc = {file: file.read_bytes() for file in files}
    for file in written_files(copy):
        file.unlink()
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=copy, check=True)
    last = (copy / ".metaflow/TrainFlow/latest_run").read_text()
    by_sync = run(copy, "dvc-bridge", "sync", f"TrainFlow/{last}")
    assert by_sync.returncode == 0, by_sync.stderr
    assert {file: file.read_bytes() for file in files} == by_dvc
    assert "up to date" in run(copy, "dvc", "status").stdout


@pytest.mark.full
def test_both_write_the_same_files_and_one_changed_byte_is_found(copy: Path) -> None:
    by_dvc = run(copy, "dvc", "repro")
    assert by_dvc.returncode == 0, by_dvc.stderr
    by_metaflow = run(copy, sys.executable, "flows/train.py", "run", "--force")
    assert by_metaflow.returncode == 0, by_metaflow.stdout + by_metaflow.stderr
    compare = (sys.executable, "benchmarks/compare_outs.py")
    equal = run(copy, *compare)
    assert equal.returncode == 0, equal.stdout
    assert "14 stages ran, 0 were restored from DVC" in equal.stdout
    assert equal.stdout.count("  yes\n") == len(written_files(copy))
    check_sync(copy)
    lock = (copy / "dvc.lock").read_text()
    metrics_md5 = lock.split("path: models/evaluation/metrics.json")[1].split("md5: ")[1][:32]
    (copy / "dvc.lock").write_text(lock.replace(metrics_md5, "f" * 32))
    other = run(copy, *compare)
    assert other.returncode == 1
    assert other.stderr == "\n1 files differ\n"
    assert f"models/evaluation/metrics.json           {'f' * 32}" in other.stdout
