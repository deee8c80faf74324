"""A Metaflow run as its client sees it: how it ended, and what became of each stage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaflow import Run, Task, namespace
from metaflow.exception import MetaflowException, MetaflowNotFound

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.result import Result

from .metadata import bring_run
from .run_artifact import DvcRun

TAG_DIGITS = 12
_KEYS = {"results", "plots"}  # older versions had none


@dataclass(frozen=True)
class Ended:
    """A run, finished or not.

    Parameters
    ----------
    unfinished
        The tasks that have failed or still run, as `step/id`.
    revision
        Of git, when the run began; None: it is not known.
    dirty
        Whether there were changes that were not committed.
    results
        Of the stages that have finished, by address.
    stored
        Whether the run's results are in the DVC remote instead, under `name`.
    told
        The artifact `dvc`, of all tasks together; None for a flow that has none.
    """

    pathspec: str
    name: str
    successful: bool
    unfinished: tuple[str, ...]
    revision: str | None
    dirty: bool
    results: dict[str, Result] = field(default_factory=dict)
    stored: bool = False
    told: DvcRun | None = None


def find_run(pathspec: str) -> Run:
    """Find a run, whoever has started it, and wherever.

    Raises
    ------
    UsageError
        There is none, or the word is no pathspec of a run.
    """
    namespace(None)
    if pathspec.count("/") != 1 or not all(pathspec.split("/")):
        raise UsageError(f"{pathspec} names no run", "name it as Metaflow does: TrainFlow/123")
    flow, run_id = pathspec.split("/")
    if run_id.startswith("argo-"):
        bring_run(flow, run_id)
    try:
        return Run(pathspec)
    except MetaflowNotFound:
        raise UsageError(
            f"there is no run {pathspec} in the metadata that Metaflow uses here",
            _known(flow),
        ) from None
    except MetaflowException as exc:
        raise UsageError(f"Metaflow cannot open {pathspec}: {exc}", "metaflow status") from exc


def read_run(run: Run) -> Ended:
    """Read how a run ended, and the results of all its tasks that have finished.

    Raises
    ------
    UsageError
        None of its steps is a stage of DVC.
    """
    flow, run_id = run.path_components
    ended = [(f"{step.id}/{task.id}", task) for step in run for task in step]
    good = [task for _, task in ended if task.successful]
    values = [_artifact(task, "dvc") for task in good]
    told: list[DvcRun] = [value for value in values if value and value.keys() >= _KEYS]
    stored = next((v for task in good if (v := _artifact(task, "dvc_run")) is not None), None)
    if not told and stored is None and run.successful:
        raise UsageError(
            f"{run.pathspec} has no step with @dvc_stage of this version of dvc-bridge",
            "docs/metaflow.md shows how to add one; then run the flow again",
        )
    git = _git(run)
    whole = _whole(told)
    return Ended(
        pathspec=run.pathspec,
        name=stored["run"] if stored else flow_run_name(flow, run_id),
        successful=run.successful,
        unfinished=tuple(name for name, task in ended if not task.successful),
        revision=whole["revision"] if whole else git.get("commit_sha"),
        dirty=whole["dirty"] if whole else bool(git.get("has_uncommitted_changes")),
        results={n: Result(**end) for n, end in whole["results"].items()} if whole else {},
        stored=stored is not None,
        told=whole,
    )


def _whole(told: Sequence[DvcRun]) -> DvcRun | None:
    """Return what all tasks know together: joins of the user's own may have dropped branches."""
    if not told:
        return None
    whole = told[0].copy()
    outs = {path: out for one in told for path, out in one["outs"].items()}
    results = {name: end for one in told for name, end in one["results"].items()}
    whole["outs"] = {path: outs[path] for path in sorted(outs)}
    whole["results"] = {name: results[name] for name in whole["stages"] if name in results}
    return whole


def tag_run(run: Run, ended: Ended, locks: Sequence[str]) -> tuple[str, ...]:
    """Have the run's page name the revision that it ran and the dvc.lock that has its results.

    Parameters
    ----------
    locks
        Git's names of the dvc.lock files: `git log --find-object=NAME` finds their commit.

    Returns
    -------
    tuple of str
        The run's tags of these kinds, the new ones among them.

    Raises
    ------
    UsageError
        The metadata service refuses.
    """
    tags = [f"dvc_lock:{name[:TAG_DIGITS]}" for name in locks]
    if ended.revision:
        tags.append(f"dvc_rev:{ended.revision[:TAG_DIGITS]}")
    try:
        if new := [tag for tag in tags if tag not in run.user_tags]:
            run.add_tags(new)
    except MetaflowException as exc:
        raise UsageError(f"{run.pathspec} gets no tags: {exc}", "the results are here") from exc
    return tuple(tags)


def _artifact(task: Task, name: str) -> Any:
    return task[name].data if name in task else None


def _git(run: Run) -> dict[str, Any]:
    """What Metaflow itself has noted of the code's repository."""
    for step in run:
        for task in step:
            told: dict[str, Any] = json.loads(task.metadata_dict.get("git-info") or "{}")
            return told
    return {}


def _known(flow: str) -> str:
    from metaflow import Flow  # noqa: PLC0415

    try:
        return f"runs of {flow}: {', '.join(_newest(Flow(flow)))}"
    except MetaflowException:
        return (
            "call it where the flow was started, or with its METAFLOW_PROFILE; `metaflow status`"
            " lists the flows there"
        )


def _newest(flow: Any, number: int = 5) -> Iterator[str]:
    for run, _ in zip(flow, range(number), strict=False):
        yield run.id
