"""The pipeline of this repository, with nothing to do."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.argo.figures import ROOT, Found, SkippedError
from benchmarks.argo.projects import DVC, command, submit
from benchmarks.argo.space import Space

TIMES = 7


def unchanged(space: Space) -> Found:
    """`submit --wait` in a copy of this repository whose outs are as dvc.lock says."""
    root, found = _copy(space), Found()
    before = len(space.runs_of(root))
    for _ in range(TIMES):
        ended = submit(root)
        assert "no stage needs a pod" in ended.printed, ended.printed  # noqa: S101
        found.keep("submit, s", ended.wall_s)
        found.keep("submit: CPU, s", ended.cpu_s)
    found.add("nothing changed here: wall, s", found.median("submit, s"), 1.5)
    made = len(space.runs_of(root)) - before
    found.add("nothing changed here: Workflows", made, 0)
    return found


def _copy(space: Space) -> Path:
    cache = ROOT / ".dvc" / "cache"
    if not cache.exists():
        raise SkippedError("the pipeline of this repository has never been run: make demo")
    root = space.folder / f"{space.name}-repo"
    command(["git", "clone", "--quiet", str(ROOT), str(root)], space.empty)
    command([*DVC, "config", "--local", "cache.dir", str(cache)], root)
    options = {"url": f"s3://{space.name}/repo", "endpointurl": space.endpoint}
    for key, value in (options | {"region": os.environ["AWS_DEFAULT_REGION"]}).items():
        command([*DVC, "config", "--local", f"remote.store.{key}", value], root)
    command([*DVC, "config", "--local", "core.remote", "store"], root)
    settings = f"image: '{space.image}', image_pull_policy: Never, secrets: [{space.name}]"
    (root / "dvc-bridge.yaml").write_text(f"argo: {{{settings}}}\n")
    command([*DVC, "checkout", "--quiet"], root)
    command([*DVC, "push", "--quiet"], root)
    return root
