"""The reader of dvc-bridge.yaml."""

from __future__ import annotations

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.yaml12 import read
from dvc_bridge.pipeline.settings import FILE, Settings, parse_settings
from dvc_bridge.pipeline.stage import Pipeline


def read_settings(project: Project, pipeline: Pipeline) -> Settings:
    """Read dvc-bridge.yaml; return the defaults if the file does not exist.

    Raises
    ------
    UsageError
        The file has an invalid setting.
    """
    path = project.root / FILE
    settings = parse_settings(read(path, FILE) if path.exists() else None)
    if pipeline.whole:  # a glob can match stages of files that were not read
        settings.check(stage.address for stage in pipeline.stages)
    return settings
