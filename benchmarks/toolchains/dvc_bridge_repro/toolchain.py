"""`dvc-bridge repro -j`: the stages of a dvc.yaml at the same time, on this machine."""

from __future__ import annotations

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit

TOOLCHAIN = Toolchain(
    title="dvc-bridge repro",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    runs_dvc_bridge=True,
    write=lambda graph, project, _jobs: write_dvc_project(graph, project),
    commands=lambda _graph, jobs: [["dvc-bridge", "repro", "-j", str(jobs)]],
    package="dvc-bridge",
    ask_commands=lambda _graph, _jobs: [["dvc-bridge", "plan"]],
    user_files=("dvc.yaml",),
    about="the same dvc.yaml, dvc.lock and cache as dvc repro, stages at the same time",
)
