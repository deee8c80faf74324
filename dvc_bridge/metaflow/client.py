"""A Metaflow run as the Metaflow client sees it: its status and the result of each stage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaflow import Run, Task, namespace
from metaflow.exception import MetaflowException, MetaflowNotFound

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.result import Result, result_from_plain

from .metadata import bring_run
from .run_artifact import DvcRun

_KEYS = {"results", "plots"}  # older versions lack them


@dataclass(frozen=True)
class Ended:
    """A run, finished or not.

    Parameters
    ----------
    unfinished
        The tasks that have failed or are still running, as `step/id`.
    revision
        The git revision at the start of the run; None if it is unknown.
    dirty
        Whether there were uncommitted changes.
    results
        The results of the finished stages, by address.
    stored
        Whether the run's results are in the DVC remote instead, under `name`.
    """

    pathspec: str
    name: str
    successful: bool
    unfinished: tuple[str, ...]
    revision: str | None
    dirty: bool
    results: dict[str, Result] = field(default_factory=dict)
    stored: bool = False
    # The `dvc` artifacts of all tasks, merged; None for a flow without them.
    artifact: DvcRun | None = None


def find_run(pathspec: str) -> Run:
    """Find a run of any user, on this machine or on Argo.

    Raises
    ------
    UsageError
        There is no such run, or `pathspec` is not the pathspec of a run.
    """
    namespace(None)
    if pathspec.count("/") != 1 or not all(pathspec.split("/")):
        raise UsageError(
            f"{pathspec} is not a run", "use a Metaflow pathspec, such as TrainFlow/123"
        )
    flow, run_id = pathspec.split("/")
    if run_id.startswith("argo-"):
        bring_run(flow, run_id)
    try:
        return Run(pathspec)
    except MetaflowNotFound:
        raise UsageError(
            f"run {pathspec} is not in the metadata that Metaflow uses on this machine",
            _suggest_runs(flow),
        ) from None
    except MetaflowException as exc:
        raise UsageError(f"Metaflow cannot open {pathspec}: {exc}", "metaflow status") from exc


def read_run(run: Run) -> Ended:
    """Read the status of a run and the results of all its finished tasks.

    Raises
    ------
    UsageError
        None of its steps is a DVC stage.
    """
    flow, run_id = run.path_components
    tasks = [(f"{step.id}/{task.id}", task) for step in run for task in step]
    finished = [task for _, task in tasks if task.successful]
    values = [_artifact(task, "dvc") for task in finished]
    artifacts: list[DvcRun] = [value for value in values if value and value.keys() >= _KEYS]
    stored = next((v for task in finished if (v := _artifact(task, "dvc_run")) is not None), None)
    if not artifacts and stored is None and run.successful:
        raise UsageError(
            f"{run.pathspec} has no @dvc_stage step that this version of dvc-bridge can read",
            "add a step as docs/metaflow.md shows, then run the flow again",
        )
    git = _git_info(run)
    merged = _merge_artifacts(artifacts)
    results = merged["results"] if merged else {}
    return Ended(
        pathspec=run.pathspec,
        name=stored["run"] if stored else flow_run_name(flow, run_id),
        successful=run.successful,
        unfinished=tuple(name for name, task in tasks if not task.successful),
        revision=merged["revision"] if merged else git.get("commit_sha"),
        dirty=merged["dirty"] if merged else bool(git.get("has_uncommitted_changes")),
        results={name: result_from_plain(value) for name, value in results.items()},
        stored=stored is not None,
        artifact=merged,
    )


def _merge_artifacts(artifacts: Sequence[DvcRun]) -> DvcRun | None:
    """Merge the artifacts of all tasks, since a user's join may have dropped branches."""
    if not artifacts:
        return None
    merged = artifacts[0].copy()
    outs = {path: out for artifact in artifacts for path, out in artifact["outs"].items()}
    results = {
        name: result for artifact in artifacts for name, result in artifact["results"].items()
    }
    merged["outs"] = {path: outs[path] for path in sorted(outs)}
    merged["results"] = {name: results[name] for name in merged["stages"] if name in results}
    return merged


def _artifact(task: Task, name: str) -> Any:
    return task[name].data if name in task else None


def _git_info(run: Run) -> dict[str, Any]:
    """Return what Metaflow itself records about the code's git repository."""
    for step in run:
        for task in step:
            info: dict[str, Any] = json.loads(task.metadata_dict.get("git-info") or "{}")
            return info
    return {}


def _suggest_runs(flow: str) -> str:
    from metaflow import Flow  # noqa: PLC0415

    try:
        return f"runs of {flow}: {', '.join(_newest_ids(Flow(flow)))}"
    except MetaflowException:
        return (
            "run the command where the flow was started, or with its METAFLOW_PROFILE;"
            " `metaflow status` lists the flows there"
        )


def _newest_ids(flow: Any, limit: int = 5) -> Iterator[str]:
    for run, _ in zip(flow, range(limit), strict=False):
        yield run.id
