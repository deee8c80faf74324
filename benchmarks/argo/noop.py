"""`submit` for the pipeline of this repository when no stage has changed."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.argo.fixture import Fixture
from benchmarks.argo.projects import DVC, run_command, submit
from benchmarks.argo.targets import ROOT, Result, SkippedError

REPETITIONS = 7


def measure_noop(fixture: Fixture) -> Result:
    """`submit --wait` in a copy of this repository whose outs match dvc.lock."""
    root, result = _copy_repository(fixture), Result()
    n_runs_before = len(fixture.runs_of_project(root))
    for _ in range(REPETITIONS):
        submission = submit(root)
        assert "no stage needs a task" in submission.output, submission.output  # noqa: S101  nothing runs
        result.add_sample("submit, s", submission.wall_s)
        result.add_sample("submit: CPU, s", submission.cpu_s)
    result.add("nothing changed here: wall, s", result.median("submit, s"), 1.5)
    n_runs = len(fixture.runs_of_project(root)) - n_runs_before
    result.add("nothing changed here: Workflows", n_runs, 0)
    return result


def _copy_repository(fixture: Fixture) -> Path:
    cache = ROOT / ".dvc" / "cache"
    if not cache.exists():
        raise SkippedError("the pipeline of this repository has never run: make demo")
    root = fixture.folder / f"{fixture.name}-repo"
    run_command(["git", "clone", "--quiet", str(ROOT), str(root)], fixture.empty_folder)
    run_command([*DVC, "config", "--local", "cache.dir", str(cache)], root)
    options = {"url": f"s3://{fixture.name}/repo", "endpointurl": fixture.endpoint}
    for key, value in (options | {"region": os.environ["AWS_DEFAULT_REGION"]}).items():
        run_command([*DVC, "config", "--local", f"remote.store.{key}", value], root)
    run_command([*DVC, "config", "--local", "core.remote", "store"], root)
    settings = f"image: '{fixture.image}', image_pull_policy: Never, secrets: [{fixture.name}]"
    (root / "dvc-bridge.yaml").write_text(f"argo: {{{settings}}}\n")
    run_command([*DVC, "checkout", "--quiet"], root)
    run_command([*DVC, "push", "--quiet"], root)
    return root
