"""Every file of the pipeline: md5 from `dvc repro`, md5 from the last Metaflow run; then scores."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from metaflow import Flow, namespace

from dvc_bridge.metaflow.objects import members

ROOT = Path(__file__).resolve().parent.parent


def files(md5: str, path: str) -> dict[str, str]:
    """Give path -> md5 of a file, or of each file of a folder, as DVC's cache lists it."""
    inside = members(ROOT / ".dvc" / "cache", {"md5": md5})
    return {f"{path}/{name}" if name else path: file_md5 for name, file_md5 in inside}


def main() -> int:
    """Print the table; 1 if any file differs."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text())
    by_dvc: dict[str, str] = {}
    for stage in lock["stages"].values():
        for out in stage["outs"]:
            by_dvc |= files(out["md5"], out["path"])
    namespace(None)
    run = Flow("TrainFlow").latest_successful_run
    by_metaflow: dict[str, str] = {}
    for path, out in run.data.dvc["outs"].items():
        by_metaflow |= files(out["md5"], path)
    differing = 0
    print(f"{'file':41}{'md5 from dvc repro':34}{'md5 from Metaflow':34}equal")
    for path in sorted(by_dvc.keys() | by_metaflow.keys()):
        ours, theirs = by_dvc.get(path, "missing"), by_metaflow.get(path, "missing")
        differing += ours != theirs
        print(f"{path:41}{ours:34}{theirs:34}{'yes' if ours == theirs else 'NO'}")
    ran, known = run.data.dvc["computed"], run.data.dvc["restored"]
    print(f"\nMetaflow run {run.id}: {len(ran)} stages ran, {len(known)} were known to DVC\n")
    for window in ("test", "test_baseline", "backtest", "backtest_baseline"):
        scores = run.data.metrics[window]
        print(f"{window:20}AUC {scores['auc']:.4f}   log loss {scores['log_loss']:.4f}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
