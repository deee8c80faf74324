"""Plan and render a project here, and print as JSON what that took: `python -m ... FUSE`.

All that `submit` does before it asks a store or a cluster for anything, phase by phase.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from dvc_bridge.app.remote_run import Remotely, prepared
from dvc_bridge.cli.sending import checked

from dvc_bridge.cli.parser import parser
from dvc_bridge.engines.argo.manifest import RunSpec, manifest, size, text
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.settings import ArgoSettings
from dvc_bridge.planning.grouping.group_stages import divided
from dvc_bridge.remote_run.task import plan_lines
from dvc_bridge.remote_run.task_plan import entries


class Phases:
    """CPU seconds of what comes after each other."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {"start": time.process_time()}

    def done(self, name: str) -> None:
        """Note the end of a phase."""
        self.cpu_s[name] = time.process_time() - sum(self.cpu_s.values())


def main(fuse: Fuse, file: Path) -> dict[str, Any]:
    """Plan the project of the current directory and write its manifest to a file."""
    phases = Phases()
    with Remotely(parser().parse_args(["submit"])) as remotely:
        phases.done("read")
        settled = prepared(remotely)
        phases.done("forecast")
        pipeline, settings = remotely.pipeline, remotely.settings
        waiting = [found.position for found in settled.waiting]
        groups = divided(pipeline, waiting, settings, {}, fuse).groups
        phases.done("group")
        positions = [group.positions for group in groups]
        reach, jobs = remotely.outlook.reach, [1] * len(groups)
        options: dict[str, Any] = {"root": ".", "git": True, "force": False, "mutexes": ()}
        found = entries(pipeline, settled, positions, reach, jobs=jobs, **options)
        plan, words = plan_lines(found)
        phases.done("plan.json")
    addresses = [[pipeline.stages[p].address for p in group.positions] for group in groups]
    spec = RunSpec("run", "{}", {"DVC_BRIDGE_CODE": "0" * 64}, ArgoSettings(), addresses=addresses)
    made = manifest(groups, words, spec)
    written = text(made)
    phases.done("render")
    workflows = checked(made)
    phases.done("check")
    file.write_text(written)
    bare = manifest([], [], spec)
    tasks = size(made["spec"]["templates"][0]) - size(bare["spec"]["templates"][0])
    return {
        "stages": len(pipeline.stages),
        "pods": len(groups),
        "plan bytes": len(plan),
        "manifest bytes": size(made),
        "workflows": len(workflows),
        "largest manifest bytes": max(map(size, workflows)),
        "bytes a pod": tasks / len(groups),
        "bytes a pod with names": size(made) / len(groups),
        "sha256": hashlib.sha256(written.encode()).hexdigest(),
        "cpu_s": phases.cpu_s,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Give the most memory so far; `getrusage` would count that of whoever has started this."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(main(Fuse(sys.argv[1]), Path(sys.argv[2]))))
