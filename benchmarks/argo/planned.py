"""Large pipelines on the client: planned and rendered without a cluster, and merged."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.argo.figures import ROOT, Found
from benchmarks.argo.pods import planned
from benchmarks.argo.projects import BRIDGE, command, layered, project
from benchmarks.argo.space import Space
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.engines.argo.manifest import Kind
from dvc_bridge.pipeline.result import RAN, Result, result_name, result_text

ROWS = 5
COUNTS = (1000, 5000)


def plans(space: Space) -> Found:
    """20,000 stages (and a fiftieth) to a manifest: CPU, sizes, and that it is always the same."""
    found, width = Found(), 4 * space.scale.wide
    large = project(space, "plans", layered(ROWS, width, "echo > {out}"))
    few = project(space, "plans-few", layered(ROWS, width // 50, "echo > {out}"))
    runs = {
        "auto": _planned(large, "auto"),
        "a pod a stage": _planned(large, "none"),
        "few": _planned(few, "none"),
        "few again": _planned(few, "none", seed="2"),
    }
    for name, run in runs.items():
        found.keep(name, run)
    name = f"{ROWS * width} stages"
    found.add(f"{name}: CPU to the manifest, s", sum(runs["auto"]["cpu_s"].values()), 20)
    found.add(f"{name}: memory, MB", runs["auto"]["peak_mb"])
    limit = float(Kind.WORKFLOW.limit)
    found.add(f"{name}: manifest, bytes", float(runs["auto"]["manifest bytes"]), limit)
    found.add("a pod a stage: manifest, bytes a pod", runs["a pod a stage"]["bytes a pod"], 150)
    same = runs["few"]["sha256"] == runs["few again"]["sha256"]
    found.add("manifests that differ between two renderings", float(not same), 0)
    if argo := shutil.which("argo"):
        ended = command([argo, "lint", "--offline", f"{few}.yaml"], few)
        found.keep(f"argo lint --offline of {runs['few']['pods']} pods: CPU, s", ended.cpu_s)
    return found


def _planned(root: Path, fuse: str, seed: str = "1") -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.argo.planning", fuse, f"{root}.yaml"]
    ended = command(words, root, {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed})
    found: dict[str, Any] = json.loads(ended.printed.splitlines()[-1])
    return found


def merged(space: Space) -> Found:
    """Merge results of 1,000 and 5,000 stages, from a local remote."""
    found = Found()
    for count in COUNTS:
        store = space.folder / f"results-{count}"
        stages = layered(1, count, "echo {out} > {out}")
        root = project(space, f"merged-{count}", stages, url=str(store))
        run = planned(root).env["DVC_BRIDGE_RUN"]
        _finish(root, store, run)
        ended = command([*BRIDGE, "collect", run], root)
        found.keep(f"collect of {count} stages: CPU, s", ended.cpu_s)
        found.keep(f"collect of {count} stages: wall, s", ended.wall_s)
    few, many = (found.median(f"collect of {count} stages: CPU, s") for count in COUNTS)
    found.add("collect: ms CPU a stage", (many - few) / (COUNTS[1] - COUNTS[0]) * 1000)
    return found


def _finish(root: Path, store: Path, run: str) -> None:
    """Put into the remote what the pods of a run would have put there."""
    read, results = _pointer(root / "in"), store / "bridge" / "runs" / run / "stages"
    results.mkdir()
    for stage in read_pipeline(find_project(root)).stages:
        (out,) = stage.outs
        text = f"{out.path}\n".encode()
        md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
        kept = store / "files" / "md5" / md5[:2] / md5[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(text)
        entry = {
            "cmd": stage.cmd,
            "deps": [{"path": "in", **read}],
            "params": {"params.yaml": {"p": 0}},
            "outs": [{"path": out.path, "hash": "md5", "md5": md5, "size": len(text)}],
        }
        (results / result_name(stage)).write_text(result_text(Result(stage.address, RAN, entry)))


def _pointer(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"hash": "md5", "md5": md5, "size": len(content)}
