"""Limits of generated flows: how many steps, and how many tasks in a foreach."""

from __future__ import annotations

from dvc_bridge.errors import UsageError

# A step takes about 8 kB of the workflow template, which Argo limits to about 1 MB.
MOST_STEPS = 110
# Metaflow's default limit for a foreach; a command-line option or a variable raises it.
USUAL_SPLITS = 100


def check_step_count(n_steps: int, n_levels: int) -> None:
    """Check that Argo accepts the steps of a flow.

    Raises
    ------
    UsageError
        The flow has too many steps.
    """
    if n_steps > MOST_STEPS:
        raise UsageError(
            f"{n_levels} levels of stages make {n_steps} steps, but Argo accepts"
            f" at most {MOST_STEPS} in one flow",
            "use dvc-bridge submit, which has no such limit, or select targets: one flow per part",
        )
