"""What the comparison needs from a cluster: projects with its settings, and what it is."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.graph import Graph
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.parse_settings import parse_settings

# The environment variables that name the folders of clusters.
ARGO, ARGO_TUNED, SLURM = "COMPARISON_ARGO", "COMPARISON_ARGO_TUNED", "COMPARISON_SLURM"
# What the named folder may hold: settings of the engine, the remote, its credentials.
_SETTINGS, _REMOTES = "dvc-bridge.yaml", (".dvc/config", ".dvc/config.local")
# One sentence on the cluster: nodes, versions, and what its administrator has tuned.
_ABOUT = "about.txt"
# Written by `python -m dvc_bridge.metaflow.profile`, for the profile `cluster`.
METAFLOW_PROFILE = "config_cluster.json"
METAFLOW_VARIABLES = {"METAFLOW_PROFILE": "cluster"}
_NO_LIMIT = 1000
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


def describe_clusters(variables: Iterable[str]) -> dict[str, str]:
    """Return what the folders of clusters say in about.txt, by environment variable."""
    abouts = {
        variable: find_folder(variable) / _ABOUT
        for variable in variables
        if os.environ.get(variable)
    }
    return {
        variable: " ".join(file.read_text().split()) if file.exists() else f"{_ABOUT} is missing"
        for variable, file in abouts.items()
    }


def find_missing(variable: str, name: str) -> str:
    """Return that the settings of a cluster lack a file; empty if it exists, or without cluster."""
    if not os.environ.get(variable) or (find_folder(variable) / name).exists():
        return ""
    return f"the folder that {variable} names has no {name}"


def find_argo() -> str:
    """Return Argo's program; measured commands have a short PATH."""
    return shutil.which("argo") or "argo"


def read_argo_settings(variable: str) -> ArgoSettings:
    """Return what dvc-bridge.yaml says about the pods of a cluster."""
    file = find_folder(variable) / _SETTINGS
    return parse_settings(yaml.safe_load(file.read_text())).argo


def read_parallelism(variable: str) -> str:
    """Return how many pods may run at a time, as for dvc-bridge; Metaflow needs a number."""
    return str(read_argo_settings(variable).parallelism or _NO_LIMIT)


def read_metaflow_namespace(variable: str) -> str:
    """Return the namespace of Metaflow's pods."""
    profile = json.loads((find_folder(variable) / METAFLOW_PROFILE).read_text())
    return str(profile["METAFLOW_KUBERNETES_NAMESPACE"])


def write_metaflow_profile(project: Path, variable: str) -> None:
    """Copy Metaflow's profile to where measured commands look for it."""
    home = project / ".metaflow-home"
    home.mkdir()
    shutil.copyfile(find_folder(variable) / METAFLOW_PROFILE, home / METAFLOW_PROFILE)
