"""What the comparison needs from a cluster: projects with its settings, and what it is."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import yaml

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.graph import Graph

# What the named folder may hold: settings of the engine, the remote, its credentials.
_SETTINGS, _REMOTES = "dvc-bridge.yaml", (".dvc/config", ".dvc/config.local")
_URL = re.compile(r"^(\s*url = .*?)/*$", re.MULTILINE)


def write_cluster_project(graph: Graph, project: Path, variable: str) -> None:
    """Write the project, with the settings from the folder that an environment variable names.

    Each project gets a folder of its own in the remote: in a shared one, a cold run would find the
    results of earlier samples.
    """
    write_dvc_project(graph, project)
    folder = find_folder(variable)
    if (folder / _SETTINGS).exists():
        shutil.copyfile(folder / _SETTINGS, project / _SETTINGS)
    own = secrets.token_hex(8)
    for name in _REMOTES:
        if (folder / name).exists():
            text = _URL.sub(rf"\1/{own}", (folder / name).read_text())
            (project / name).write_text(text)


def find_folder(variable: str) -> Path:
    """Return the folder with the settings of a cluster."""
    return Path(os.environ[variable])


def read_argo_settings(variable: str) -> dict[str, Any]:
    """Return the section `argo` of the cluster's dvc-bridge.yaml."""
    document = yaml.safe_load((find_folder(variable) / "dvc-bridge.yaml").read_text())
    settings: dict[str, Any] = document.get("argo", {})
    return settings
