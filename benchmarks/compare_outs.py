"""Compare the md5 of every file from `dvc repro` and from the last Metaflow run; print scores."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import yaml
from metaflow import Flow, Run, namespace

from dvc_bridge.dvcio.cached_objects import members
from dvc_bridge.pipeline.lock_entry import Pointer

ROOT = Path(__file__).resolve().parent.parent


def files(outs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return path -> md5 of each file of `outs`: (path, md5) of files or of cached folders."""
    return {
        f"{path}/{name}" if name else path: file_md5
        for path, md5 in outs
        for name, file_md5 in members(ROOT / ".dvc" / "cache", Pointer({"md5": md5}))
    }


def dvc_files() -> dict[str, str]:
    """Return path -> md5 of every file that dvc.lock names."""
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"].values()
    return files((out["path"], out["md5"]) for stage in stages for out in stage["outs"])


def metaflow_files(run: Run) -> dict[str, str]:
    """Return path -> md5 of every file that a run wrote, or restored from DVC's cache."""
    return files((path, out["md5"]) for path, out in run.data.dvc["outs"].items())


def last_run() -> Run:
    """Return the last successful run of the flow, of any user."""
    namespace(None)
    run = Flow("TrainFlow").latest_successful_run
    if run is None:
        raise SystemExit("no successful run of TrainFlow; fix: python flows/train.py run")
    return run


def main() -> int:
    """Print the table, and return the exit code: 1 if any file differs."""
    run = last_run()
    from_dvc, from_metaflow = dvc_files(), metaflow_files(run)
    n_different = 0
    print(f"{'file':41}{'md5 from dvc repro':34}{'md5 from Metaflow':34}equal")
    for path in sorted(from_dvc.keys() | from_metaflow.keys()):
        dvc_md5, metaflow_md5 = from_dvc.get(path, "missing"), from_metaflow.get(path, "missing")
        n_different += dvc_md5 != metaflow_md5
        print(f"{path:41}{dvc_md5:34}{metaflow_md5:34}{'yes' if dvc_md5 == metaflow_md5 else 'NO'}")
    computed, restored = run.data.dvc["computed"], run.data.dvc["restored"]
    counts = f"{len(computed)} stages ran, {len(restored)} were restored from DVC"
    print(f"\nMetaflow run {run.id}: {counts}\n")
    for window in ("test", "test_baseline", "backtest", "backtest_baseline"):
        scores = run.data.metrics[window]
        print(f"{window:20}AUC {scores['auc']:.4f}   log loss {scores['log_loss']:.4f}")
    if n_different:
        print(f"\n{n_different} files differ", file=sys.stderr)
    return 1 if n_different else 0


if __name__ == "__main__":
    sys.exit(main())
