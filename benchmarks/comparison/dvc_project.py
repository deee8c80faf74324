"""A graph as a DVC project: dvc.yaml, a git repository, and where needed a remote."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

from benchmarks.comparison.graph import Graph

_IGNORED = "*.log\n/graph.json\n/home\n"


def write_dvc_project(graph: Graph, project: Path) -> None:
    """Write dvc.yaml, unless the project has one, and make the folder a DVC and git repository."""
    if not (project / "dvc.yaml").exists():
        stages = {
            task.name: {
                "cmd": shlex.join(graph.argv(task)),
                "deps": list(task.inputs),
                "outs": list(task.outs),
            }
            for task in graph.tasks
        }
        (project / "dvc.yaml").write_text(json.dumps({"stages": stages}, indent=1))
    create_repository(project)


def create_repository(project: Path) -> None:
    """Make a folder a DVC and git repository with one commit."""
    with (project / ".gitignore").open("a") as file:
        file.write(_IGNORED)
    (project / ".dvc").mkdir(exist_ok=True)
    (project / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (project / ".dvc" / "config").write_text("")
    _git(project, "init", "--quiet")
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "--message", "Start")


def add_remote(project: Path) -> None:
    """Add a remote in a folder next to the project."""
    remote = project.parent / f"{project.name}-remote"
    remote.mkdir()
    text = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {remote}\n"
    (project / ".dvc" / "config").write_text(text)


def _git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=comparison", "-c", "user.email=comparison@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True)
