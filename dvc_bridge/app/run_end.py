"""The outcome of a remote run and of the merge of its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvc_bridge.app.merged_run import MergedRun
from dvc_bridge.errors import BridgeError, StageFailedError, StorageError, UsageError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_status import Phase, RunStatus
from dvc_bridge.pipeline.shorten import first_lines, first_names
from dvc_bridge.planning.left_out_results import left_out_lines

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
        outcomes = [result.outcome for result in self.results.values()]
        counts = [
            f"{outcomes.count(outcome)} {outcome.text}"
            for outcome in (Outcome.RAN, Outcome.RESTORED)
            if outcome in outcomes
        ]
        return ", ".join(counts) or "no stage ran"


def end_of_run(merged_run: MergedRun, run: str, status: RunStatus | None) -> RunEnd:
    """Return the outcome of a run from its merged results.

    Parameters
    ----------
    status
        The status of the run at the engine; None: unknown.
    """
    error = _error(merged_run, run, status)
    return RunEnd(run, merged_run.results, tuple(merged_run.merged.taken), error)


def _error(merged_run: MergedRun, run: str, status: RunStatus | None) -> BridgeError | None:
    failed = [
        f"{r.address}: {r.message}"
        for r in merged_run.results.values()
        if r.outcome is Outcome.FAILED
    ]
    left_out = list(left_out_lines(merged_run.merged.incompatible, merged_run.merged.fitting))
    unfinished = _unfinished(merged_run, run, status)
    reasons, fixes = _reasons(status)
    lines = [*first_lines(failed, _SHOWN), *first_lines(left_out, _SHOWN), *unfinished]
    text = "\n".join([*lines, *first_lines(reasons, _SHOWN)])
    if failed:
        fix = f"{'; '.join(fixes)}," if fixes else "correct the problem"
        return StageFailedError(text, f"{fix} and submit again: finished stages do not run again")
    if left_out:
        return UsageError(
            text,
            "dvc-bridge submit runs what is here now; or go back to the files of the run and"
            f" dvc-bridge collect {run}",
        )
    if unfinished and status is not None and status.ended:
        why = "; ".join(fixes) or f"dvc-bridge logs {run} says why"
        is_named = f"dvc-bridge retry {run}" in why
        return UsageError(
            text, why if is_named else f"{why}; dvc-bridge retry {run} resumes the run"
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


def _reasons(status: RunStatus | None) -> tuple[list[str], list[str]]:
    """Return why tasks failed, as far as the engine knows it, and the different fixes."""
    tasks = [task for task in (status.tasks if status else ()) if task.phase.is_bad and task.fix]
    reasons = [f"g{task.task}: {task.message}" for task in tasks]
    return reasons, list(dict.fromkeys(task.fix for task in tasks))


def _unfinished(merged_run: MergedRun, run: str, status: RunStatus | None) -> list[str]:
    if merged_run.expected is None:
        return [f"run {run} does not say which stages it has: more results may follow"]
    missing = [address for address in merged_run.expected if address not in merged_run.results]
    if not missing:
        return []
    if status is None:
        state = "the run is still running, or was stopped"
    else:
        state = f"the run ended {status.phase}" if status.ended else "the run is still running"
    return [f"{state}: no result of {first_names(missing, _SHOWN)}"]
