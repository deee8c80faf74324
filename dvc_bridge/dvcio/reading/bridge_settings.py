"""dvc-bridge.yaml of a project."""

from __future__ import annotations

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.yaml12 import read
from dvc_bridge.pipeline.settings import FILE, Settings, parse_settings
from dvc_bridge.pipeline.stage import Pipeline


def read_settings(project: Project, pipeline: Pipeline) -> Settings:
    """Read dvc-bridge.yaml; there need not be one.

    Raises
    ------
    UsageError
        What stands in it cannot be meant.
    """
    path = project.root / FILE
    settings = parse_settings(read(path, FILE) if path.exists() else None)
    if pipeline.whole:  # a glob may name stages of files that were not read
        settings.check(stage.address for stage in pipeline.stages)
    return settings
