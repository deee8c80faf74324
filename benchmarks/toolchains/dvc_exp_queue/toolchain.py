"""`dvc exp run --queue`, then `dvc queue start --jobs N`: whole experiments at the same time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

from benchmarks.comparison.dvc_project import create_repository
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write a pipeline of one stage, which each experiment runs with other parameters."""
    first = graph.tasks[0]
    stage = {
        "cmd": " ".join([*graph.command, "${arguments}"]),
        "deps": list(first.inputs),
        "outs": ["${out}"],
    }
    (project / "dvc.yaml").write_text(json.dumps({"stages": {"task": stage}}))
    params = {"out": "none.out", "arguments": "spin 0 none.out"}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    (project / "graph.json").write_text(graph.to_json())
    copy_script("dvc_exp_queue", "run.py", project)
    create_repository(project)


def read_outs(project: Path, graph: Graph) -> dict[str, str]:
    """Return the md5 of each out from the dvc.lock of its experiment."""
    listed = subprocess.run(
        ["git", "for-each-ref", "--format=%(refname)", "refs/exps"],
        cwd=project, check=True, capture_output=True, text=True,
    )  # fmt: skip
    outs = dict.fromkeys((out for task in graph.tasks for out in task.outs), "")
    for ref in listed.stdout.split():
        lock = subprocess.run(
            ["git", "show", f"{ref}:dvc.lock"], cwd=project, capture_output=True, check=False
        )
        stages = (yaml.safe_load(lock.stdout) or {}).get("stages", {}) if lock.stdout else {}
        for stage in stages.values():
            outs.update({out["path"]: out["md5"] for out in stage["outs"]})
    return {path: md5 for path, md5 in outs.items() if path != "none.out"}


def refusal(workload: Workload) -> str:
    """Refuse graphs: experiments are independent of each other."""
    if len(workload.graph.levels) > 1 or workload.is_pipeline:
        return "experiments cannot wait for each other"
    return ""


TOOLCHAIN = Toolchain(
    title="dvc exp run --queue",
    unit=Unit.COMMAND,
    skips=Skips.NOTHING,
    write=write,
    commands=lambda _graph, jobs: [["python", "run.py", str(jobs)]],
    package="dvc",
    refusal=refusal,
    outs=read_outs,
    about="each task is an experiment: dvc exp run --queue, then dvc queue start --jobs",
)
