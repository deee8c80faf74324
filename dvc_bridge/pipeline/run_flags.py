"""The options of `dvc repro` that decide how stages run; those that select stages are apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunFlags:
    """How the selected stages run on this machine.

    Parameters
    ----------
    jobs
        How many stages run at a time.
    keep_going
        Whether stages run that do not depend on a failed one.
    ignore_errors
        Whether all stages run, also those that depend on a failed one, and the run succeeds.
    force
        Whether stages that are up to date run too.
    force_downstream
        Whether all stages downstream of a stage that runs do too.
    allow_missing
        Whether missing data do not count as changes.
    pull
        Whether missing data are downloaded from remotes.
    run_cache
        Whether results of earlier runs with the same inputs are restored.
    commit
        Whether outs are stored in the cache.
    interactive
        Whether to ask before a stage that has changed.
    """

    jobs: int = 1
    keep_going: bool = False
    ignore_errors: bool = False
    force: bool = False
    force_downstream: bool = False
    allow_missing: bool = False
    pull: bool = False
    run_cache: bool = True
    commit: bool = True
    interactive: bool = False
