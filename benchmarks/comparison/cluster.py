"""A graph as a DVC project whose remote and settings belong to a cluster."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.graph import Graph

# What the named folder may hold: settings of the engine, the remote, its credentials.
_FILES = ("dvc-bridge.yaml", ".dvc/config", ".dvc/config.local")


def write_cluster_project(graph: Graph, project: Path, variable: str) -> None:
    """Write the project, with the settings from the folder that an environment variable names."""
    write_dvc_project(graph, project)
    folder = Path(os.environ[variable])
    for name in _FILES:
        if (folder / name).exists():
            shutil.copyfile(folder / name, project / name)
