"""Functions for `@exit_hook`, which Metaflow finds by their names wherever the flow runs.

@exit_hook(on_success=["dvc_bridge.metaflow.hooks.say_next"])
"""

from __future__ import annotations


def say_next() -> None:
    """Say what to do with a run that has succeeded."""
    print("the run has succeeded; dvc-bridge sync brings its files into the workspace")


def say_why() -> None:
    """Say where to look when a run has failed."""
    print("the run has failed; its steps' logs say why, and resume does what is missing")
