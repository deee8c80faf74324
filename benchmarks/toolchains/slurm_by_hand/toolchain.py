"""SLURM by hand: a job per stage that waits for the jobs upstream, in one shared folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.comparison.cluster import SLURM, write_cluster_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the project, and the script that submits the jobs and waits for the last one."""
    variables = {task.name: f"job{number}" for number, task in enumerate(graph.tasks)}
    submit = "sbatch --parsable --kill-on-invalid-dep=yes"
    lines = ["set -e"]
    for task in graph.tasks:
        upstream = "".join(f":${variables[name]}" for name in graph.upstream(task))
        after = f" --dependency=afterok{upstream}" if upstream else ""
        command = shlex.quote(shlex.join(graph.argv(task)))
        lines.append(f"{variables[task.name]}=$({submit}{after} --wrap {command})")
    every = "".join(f":${variable}" for variable in variables.values())
    lines += [
        f"last=$({submit} --dependency=afterok{every} --wrap 'dvc commit --force')",
        # `sbatch --wait` would ask every few seconds only.
        'while [ -n "$(squeue --noheader --jobs $last)" ]; do sleep 0.1; done',
        'test "$(squeue --noheader --states=all --format=%T --jobs $last)" = COMPLETED',
    ]
    (project / "submit.sh").write_text("\n".join(lines) + "\n")
    write_cluster_project(graph, project, SLURM)


TOOLCHAIN = Toolchain(
    title="sbatch by hand, slurm",
    unit=Unit.COMMAND,
    skips=Skips.NOTHING,
    write=write,
    commands=lambda _graph, _jobs: [["sh", "submit.sh"]],
    version_command=("sbatch", "--version"),
    cluster=SLURM,
    about="a job per command with --dependency=afterok; the last job runs dvc commit --force",
)
