"""Read dvc-bridge.yaml."""

from __future__ import annotations

from dvc_bridge.dvcio.project import Project, has_settings
from dvc_bridge.dvcio.reading.yaml12 import read
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.stage import Pipeline


def read_settings(project: Project, pipeline: Pipeline) -> Settings:
    """Read dvc-bridge.yaml and check it against the stages; without the file, use the defaults.

    Raises
    ------
    UsageError
        The file has an invalid setting.
    """
    settings = read_unchecked_settings(project)
    if pipeline.whole:  # a glob can match stages of files that were not read
        settings.check(stage.address for stage in pipeline.stages)
    return settings


def read_unchecked_settings(project: Project) -> Settings:
    """Read dvc-bridge.yaml without the stages: its globs may match none, or conflict.

    Raises
    ------
    UsageError
        The file has an invalid setting.
    """
    if not has_settings(project.root):
        return Settings({})
    from dvc_bridge.pipeline.parse_settings import parse_settings  # noqa: PLC0415  many tables

    return parse_settings(read(project.root / FILE, FILE))
