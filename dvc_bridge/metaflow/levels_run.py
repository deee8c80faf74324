"""The artifact of a run of a generated flow."""

from __future__ import annotations

from typing import TypedDict


class LevelsRun(TypedDict):
    """The artifact `dvc_run` of each task: the location of the run's plan and results."""

    run: str  # the run's folder in the DVC remote
    root: str  # the project's folder, as the flow specifies it
    shape: str
    revision: str | None
    dirty: bool
    words: list[list[str]]  # for each level, the task references of groups to run
