"""Functions for `@exit_hook`, which Metaflow finds by name wherever the flow runs.

@exit_hook(on_success=["dvc_bridge.metaflow.hooks.say_next"])
"""

from __future__ import annotations


def say_next() -> None:
    """Print the next command after a run that succeeded."""
    print("the run succeeded; dvc-bridge sync copies its results into the workspace")


def say_why() -> None:
    """Print where to look after a run that failed."""
    print("the run failed; see the logs of its steps, then use resume to run what is missing")
