"""Plan and render a project here: `python -m benchmarks.argo._plan_probe FUSE FILE`.

Prints, as JSON, the CPU of each phase that precedes `submit`'s first contact with the cluster.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from dvc_bridge.app.context import RunContext
from dvc_bridge.engines.argo.lint import split_and_check
from dvc_bridge.engines.argo.manifest import RunSpec, manifest, size, text
from dvc_bridge.engines.base import task_specs
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.planning.grouping.tasks_from_settings import divide_into_tasks
from dvc_bridge.planning.targets import Selection
from dvc_bridge.remote_run.task import plan_file
from dvc_bridge.remote_run.task_plan import plan_tasks
from dvc_bridge.remote_run.worker_contract import SnapshotCode


class Phases:
    """CPU seconds of consecutive phases."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {"start": time.process_time()}

    def end(self, name: str) -> None:
        """Record the end of a phase."""
        self.cpu_s[name] = time.process_time() - sum(self.cpu_s.values())


def main(fuse: Fuse, file: Path) -> dict[str, Any]:
    """Plan the project in the current folder and write its manifest to `file`."""
    phases = Phases()
    with RunContext(Selection(), engine="argo", warn=print) as context:
        phases.end("read")
        settled = context.prepare()
        phases.end("forecast")
        pipeline, settings = context.pipeline, context.settings
        waiting = [forecast.position for forecast in settled.waiting]
        groups = divide_into_tasks(pipeline, waiting, settings, {}, Costs(), fuse).groups
        phases.end("group")
        positions = [group.positions for group in groups]
        remote_state, jobs = context.remote_forecast.remote_state, [1] * len(groups)
        options: dict[str, Any] = {"root": ".", "git": True, "force": False, "mutexes": ()}
        tasks = plan_tasks(pipeline, settled, positions, remote_state, jobs=jobs, **options)
        plan, task_refs = plan_file(tasks)
        phases.end("plan.json")
    spec = RunSpec("run", {}, SnapshotCode("0" * 64), ArgoSettings())
    workflow = manifest(task_specs(pipeline, groups, task_refs), spec)
    yaml = text(workflow)
    phases.end("render")
    workflows = split_and_check(workflow)
    phases.end("check")
    file.write_text(yaml)
    empty = manifest([], spec)
    task_bytes = size(workflow["spec"]["templates"][0]) - size(empty["spec"]["templates"][0])
    return {
        "stages": len(pipeline.stages),
        "pods": len(groups),
        "plan bytes": len(plan),
        "manifest bytes": size(workflow),
        "workflows": len(workflows),
        "largest manifest bytes": max(map(size, workflows)),
        "bytes per pod": task_bytes / len(groups),
        "bytes per pod, with names": size(workflow) / len(groups),
        "sha256": hashlib.sha256(yaml.encode()).hexdigest(),
        "cpu_s": phases.cpu_s,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return the peak memory of this process; `getrusage` would include its parent before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(main(Fuse(sys.argv[1]), Path(sys.argv[2]))))
