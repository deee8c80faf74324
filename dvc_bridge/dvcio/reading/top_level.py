"""The top-level sections `metrics`, `params` and `plots` of a project's dvc.yaml files."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any, Literal

from dvc_bridge.dvcio.reading.templates import resolve_section
from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline

Section = Literal["metrics", "params", "plots"]


def read_section(root: Path, pipeline: Pipeline, section: Section) -> list[tuple[str, list[Any]]]:
    """Return the folder and the items of a section for each dvc.yaml that has it.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    """
    found = []
    for file in sorted(pipeline.files):
        if posixpath.basename(file) == DVC_YAML and (root / file).exists():
            content = parse(text_of(root / file, file), file)
            if items := resolve_section(root / file, content, section):
                found.append((posixpath.dirname(file) or ".", items))
    return found


def read_paths(root: Path, pipeline: Pipeline, section: Section) -> list[str]:
    """Return the paths in the sections `metrics` or `params`, from the project's root."""
    sections = read_section(root, pipeline, section)
    return [
        posixpath.normpath(posixpath.join(folder, str(path)))
        for folder, paths in sections
        for path in paths
    ]
