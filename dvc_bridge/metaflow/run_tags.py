"""Tag a Metaflow run with what git and DVC know about it."""

from __future__ import annotations

from collections.abc import Sequence

from metaflow import Run
from metaflow.exception import MetaflowException

from dvc_bridge.errors import UsageError

from .client import Ended

# How many digits of a git object name a tag has.
TAG_DIGITS = 12


def tag_run(run: Run, ended: Ended, locks: Sequence[str]) -> tuple[str, ...]:
    """Tag a run with the revision that it ran and with the dvc.lock files that hold its results.

    Parameters
    ----------
    locks
        The git object names of the dvc.lock files: `git log --find-object=NAME` finds their commit.

    Returns
    -------
    tuple of str
        The run's tags of these kinds, including the new ones.

    Raises
    ------
    UsageError
        The metadata service rejects the tags.
    """
    tags = [f"dvc_lock:{name[:TAG_DIGITS]}" for name in locks]
    if ended.revision:
        tags.append(f"dvc_rev:{ended.revision[:TAG_DIGITS]}")
    try:
        if new := [tag for tag in tags if tag not in run.user_tags]:
            run.add_tags(new)
    except MetaflowException as exc:
        raise UsageError(
            f"cannot tag {run.pathspec}: {exc}", "none needed: the results are merged"
        ) from exc
    return tuple(tags)
