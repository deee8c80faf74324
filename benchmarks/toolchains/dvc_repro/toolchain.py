"""`dvc repro`: one stage at a time."""

from __future__ import annotations

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit

TOOLCHAIN = Toolchain(
    title="dvc repro",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=lambda graph, project, _jobs: write_dvc_project(graph, project),
    commands=lambda _graph, _jobs: [["dvc", "repro"]],
    package="dvc",
    ask_commands=lambda _graph, _jobs: [["dvc", "status"]],
    user_files=("dvc.yaml",),
    about="the baseline: one stage at a time, writes dvc.lock and the cache",
)
