"""What has become of a run and of its merge: said, and turned into an error where it is not all."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from dvc_bridge.app.remote_run import Collected
from dvc_bridge.engines.argo.status import RunState
from dvc_bridge.errors import BridgeError, StageFailedError, StorageError, UsageError
from dvc_bridge.pipeline.result import FAILED, RAN, RESTORED

_SHOWN = 10


def say_end(found: Collected, run: str, state: RunState | None) -> int:
    """Say what was merged, and what was not.

    Parameters
    ----------
    state
        How the run stands on the cluster; None: that is not known.

    Raises
    ------
    StageFailedError
        A stage has failed.
    UsageError
        The run has ended without all results, or some are not those of the files here.
    StorageError
        The run goes on, or may go on.
    """
    said = {RAN: "ran", RESTORED: "from the run cache"}
    ends = [result.outcome for result in found.results.values()]
    counts = [f"{ends.count(word)} {text}" for word, text in said.items() if word in ends]
    print(", ".join(counts) or "nothing was made")
    failed = [f"{r.address}: {r.message}" for r in found.results.values() if r.outcome == FAILED]
    ended = state is not None and state.ended
    left = list(_left(found))
    unfinished = _unfinished(found, run, state)
    lines = [*_cut(failed), *_cut(left), *unfinished]
    if failed:
        raise StageFailedError(
            "\n".join(lines), "correct it and submit again: what has finished is not run again"
        )
    if left:
        raise UsageError(
            "\n".join(lines),
            "dvc-bridge submit runs what is here now; or go back to the files of the run and"
            f" dvc-bridge collect {run}",
        )
    if unfinished and ended:
        raise UsageError(
            "\n".join(lines), f"dvc-bridge logs {run} says why; dvc-bridge retry {run} goes on"
        )
    if unfinished:
        raise StorageError("\n".join(lines), f"dvc-bridge collect {run} once more, later")
    if state is not None and state.phase != "Succeeded":
        why = f": {state.message}" if state.message else ""
        raise BridgeError(
            f"run {run} ended {state.phase}{why}",
            f"correct what `dvc-bridge logs {run}` shows; then submit again",
        )
    print("dvc.lock and workspace are as dvc repro would have left them", file=sys.stderr)
    return 0


def _left(found: Collected) -> Iterator[str]:
    """Name the results that are not what the stages here would make."""
    for address, why in found.merged.misfits.items():
        left_out = address not in found.merged.fitting
        what = "its result is left out" if left_out else "its result is merged, and is not of now"
        yield f"{address}: {what}: {'; '.join(why)}"


def _unfinished(found: Collected, run: str, state: RunState | None) -> list[str]:
    if found.expected is None:
        return [f"run {run} does not say which stages it has: there may be more to come"]
    missing = [address for address in found.expected if address not in found.results]
    if not missing:
        return []
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    names = f"{', '.join(missing[:_SHOWN])}{more}"
    if state is None:
        how = "the run goes on, or was stopped"
    else:
        how = f"the run ended {state.phase}" if state.ended else "the run goes on"
    return [f"{how}: no result of {names}"]


def _cut(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]
