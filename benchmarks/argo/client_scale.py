"""The client with large pipelines: planning and rendering without a cluster, and collecting."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.argo.fixture import Fixture
from benchmarks.argo.local_workers import plan_run
from benchmarks.argo.projects import BRIDGE, create_project, layered_stages, run_command
from benchmarks.argo.targets import ROOT, Result
from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result as StageResult
from dvc_bridge.pipeline.result import result_name, result_text

ROWS = 5
COUNTS = (1000, 5000)


def measure_plan(fixture: Fixture) -> Result:
    """20,000 stages, and a fiftieth of them, to a manifest: CPU, sizes, and reproducibility."""
    result, width = Result(), 4 * fixture.scale.width
    many = create_project(fixture, "plan", layered_stages(ROWS, width, "echo > {out}"))
    few = create_project(fixture, "plan-few", layered_stages(ROWS, width // 50, "echo > {out}"))
    probes = {
        "auto": _probe(many, "auto"),
        "pod per stage": _probe(many, "none"),
        "few": _probe(few, "none"),
        "few, other hash seed": _probe(few, "none", hash_seed="2"),
    }
    for name, probe in probes.items():
        result.add_sample(name, probe)
    auto, name = probes["auto"], f"{ROWS * width} stages"
    result.add(f"{name}: CPU to the manifest, s", sum(auto["cpu_s"].values()), 20)
    result.add(f"{name}: memory, MB", auto["peak_mb"])
    limit = float(ManifestKind.WORKFLOW.limit)
    result.add(f"{name}: manifest, bytes", float(auto["manifest bytes"]), limit)
    bytes_per_pod = probes["pod per stage"]["bytes per pod"]
    result.add("a pod per stage: manifest, bytes per pod", bytes_per_pod, 150)
    differs = probes["few"]["sha256"] != probes["few, other hash seed"]["sha256"]
    result.add("manifests that differ between two renderings", float(differs), 0)
    if argo := shutil.which("argo"):
        lint = run_command([argo, "lint", "--offline", f"{few}.yaml"], few)
        n_pods = probes["few"]["pods"]
        result.add_sample(f"argo lint --offline of {n_pods} pods: CPU, s", lint.cpu_s)
    return result


def _probe(root: Path, fuse: str, hash_seed: str = "1") -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.argo._plan_probe", fuse, f"{root}.yaml"]
    process = run_command(argv, root, {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed})
    values: dict[str, Any] = json.loads(process.output.splitlines()[-1])
    return values


def measure_collect(fixture: Fixture) -> Result:
    """Collect the results of 1,000 and of 5,000 stages from a local remote."""
    result = Result()
    for count in COUNTS:
        store = fixture.folder / f"results-{count}"
        stages = layered_stages(1, count, "echo {out} > {out}")
        root = create_project(fixture, f"collect-{count}", stages, url=str(store))
        run = plan_run(root).env["DVC_BRIDGE_RUN"]
        _write_results(root, store, run)
        collect = run_command([*BRIDGE, "collect", run], root)
        result.add_sample(f"collect of {count} stages: CPU, s", collect.cpu_s)
        result.add_sample(f"collect of {count} stages: wall, s", collect.wall_s)
    few_s, many_s = (result.median(f"collect of {count} stages: CPU, s") for count in COUNTS)
    ms_per_stage = (many_s - few_s) / (COUNTS[1] - COUNTS[0]) * 1000
    result.add("collect: ms CPU per stage", ms_per_stage)
    return result


def _write_results(root: Path, store: Path, run: str) -> None:
    """Write to the remote what the pods of a run would write."""
    dep_hash, results = _hash(root / "in"), store / "bridge" / "runs" / run / "stages"
    results.mkdir()
    param = int((root / "params.yaml").read_text().removeprefix("p: "))
    for stage in read_pipeline(find_project(root)).stages:
        (out,) = stage.outs
        content = f"{out.path}\n".encode()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        cache_file = store / object_path(md5)
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        cache_file.write_bytes(content)
        entry = {
            "cmd": stage.cmd,
            "deps": [{"path": "in", **dep_hash}],
            "params": {"params.yaml": {"p": param}},
            "outs": [{"path": out.path, "hash": "md5", "md5": md5, "size": len(content)}],
        }
        text = result_text(StageResult(stage.address, Outcome.RAN, entry))
        (results / result_name(stage)).write_text(text)


def _hash(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"hash": "md5", "md5": md5, "size": len(content)}
