"""The outcome of a remote run and of the merge of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.app.collection import Collection
from dvc_bridge.errors import BridgeError, StageFailedError, StorageError, UsageError
from dvc_bridge.pipeline.result import FAILED, RAN, RESTORED, Result
from dvc_bridge.pipeline.run_status import Phase, RunStatus

_SHOWN = 10


@dataclass(frozen=True)
class RunEnd:
    """The outcome of a run on this machine.

    Parameters
    ----------
    run
        The name of the run; empty if no stage needed a task.
    results
        The results that were available, by address.
    merged
        The addresses of the stages whose results are in dvc.lock now.
    error
        Why dvc.lock and the workspace do not match what `dvc repro` would have produced; None:
        they do.
    """

    run: str
    results: Mapping[str, Result]
    merged: tuple[str, ...]
    error: BridgeError | None

    def raise_error(self) -> None:
        """Raise the error, if there is one."""
        if self.error:
            raise self.error

    def __str__(self) -> str:
        texts = {RAN: "ran", RESTORED: "from the run cache"}
        outcomes = [result.outcome for result in self.results.values()]
        counts = [
            f"{outcomes.count(outcome)} {text}"
            for outcome, text in texts.items()
            if outcome in outcomes
        ]
        return ", ".join(counts) or "no stage ran"


def end_of_run(collection: Collection, run: str, status: RunStatus | None) -> RunEnd:
    """Return the outcome of a run from its merged results.

    Parameters
    ----------
    status
        The status of the run at the engine; None: unknown.
    """
    error = _error(collection, run, status)
    return RunEnd(run, collection.results, tuple(collection.merged.taken), error)


def _error(collection: Collection, run: str, status: RunStatus | None) -> BridgeError | None:
    failed = [
        f"{r.address}: {r.message}" for r in collection.results.values() if r.outcome == FAILED
    ]
    left_out = list(_left_out(collection))
    unfinished = _unfinished(collection, run, status)
    text = "\n".join([*_first(failed), *_first(left_out), *unfinished])
    if failed:
        return StageFailedError(
            text, "correct the problem and submit again: finished stages do not run again"
        )
    if left_out:
        return UsageError(
            text,
            "dvc-bridge submit runs what is here now; or go back to the files of the run and"
            f" dvc-bridge collect {run}",
        )
    if unfinished and status is not None and status.ended:
        return UsageError(
            text, f"dvc-bridge logs {run} says why; dvc-bridge retry {run} resumes the run"
        )
    if unfinished:
        return StorageError(text, f"run dvc-bridge collect {run} again later")
    if status is not None and status.phase is not Phase.SUCCEEDED:
        why = f": {status.message}" if status.message else ""
        return BridgeError(
            f"run {run} ended {status.phase}{why}",
            f"correct what `dvc-bridge logs {run}` shows; then submit again",
        )
    return None


def _left_out(collection: Collection) -> Iterator[str]:
    """Yield a line for each result that the current stages would not produce."""
    for address, why in collection.merged.incompatible.items():
        is_left_out = address not in collection.merged.fitting
        what = "its result is left out" if is_left_out else "its result is merged but out of date"
        yield f"{address}: {what}: {'; '.join(why)}"


def _unfinished(collection: Collection, run: str, status: RunStatus | None) -> list[str]:
    if collection.expected is None:
        return [f"run {run} does not say which stages it has: more results may follow"]
    missing = [address for address in collection.expected if address not in collection.results]
    if not missing:
        return []
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    names = f"{', '.join(missing[:_SHOWN])}{more}"
    if status is None:
        state = "the run is still running, or was stopped"
    else:
        state = f"the run ended {status.phase}" if status.ended else "the run is still running"
    return [f"{state}: no result of {names}"]


def _first(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]
