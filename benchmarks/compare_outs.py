"""Every file of the pipeline: md5 from `dvc repro`, md5 from the last Metaflow run; then scores."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import yaml
from metaflow import Flow, Run, namespace

from dvc_bridge.metaflow.objects import members

ROOT = Path(__file__).resolve().parent.parent


def files(outs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give path -> md5 of each file of `outs`: (path, md5) of files, or of folders in the cache."""
    return {
        f"{path}/{name}" if name else path: file_md5
        for path, md5 in outs
        for name, file_md5 in members(ROOT / ".dvc" / "cache", {"md5": md5})
    }


def made_by_dvc() -> dict[str, str]:
    """Give path -> md5 of every file that dvc.lock names."""
    stages = yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"].values()
    return files((out["path"], out["md5"]) for stage in stages for out in stage["outs"])


def made_by_metaflow(run: Run) -> dict[str, str]:
    """Give path -> md5 of every file that a run made, or found in DVC's cache."""
    return files((path, out["md5"]) for path, out in run.data.dvc["outs"].items())


def last_run() -> Run:
    """Give the last run of the flow that ended well, whoever started it."""
    namespace(None)
    run = Flow("TrainFlow").latest_successful_run
    if run is None:
        raise SystemExit("no run of TrainFlow ended well: python flows/train.py run")
    return run


def main() -> int:
    """Print the table; 1 if any file differs."""
    run = last_run()
    by_dvc, by_metaflow = made_by_dvc(), made_by_metaflow(run)
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
    if differing:
        print(f"\n{differing} files differ", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
