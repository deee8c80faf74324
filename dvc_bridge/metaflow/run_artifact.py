"""The artifact that a Metaflow run keeps: stages, and the inputs and outs of its steps by md5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

from metaflow import current

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.lock_entry import Pointer, lock_pointers
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.result import Result, plain_result, result_from_plain
from dvc_bridge.pipeline.serialize import from_text, to_text
from dvc_bridge.planning.run_cache_key import StageSpec

from .errors import as_metaflow_says
from .package import packed, project_folder


class DvcRun(TypedDict):
    """The artifact `dvc` of every decorated step: its inputs and outs by md5.

    It is plain data, so that clients can read it without this library.
    """

    root: str  # as the flow specifies it; it does not exist in a pod
    cache: str  # empty if the run's outs are in the DVC remote
    remote_run: str | None  # the run's folder in the DVC remote, if any
    revision: str | None
    dirty: bool
    replaced: dict[str, str]  # file from the root -> the text to read instead
    stages: dict[str, StageSpec]
    refused: dict[str, str]
    outs: dict[str, Pointer]  # out path from the root -> pointer, for the steps so far
    computed: list[str]  # stages that ran
    restored: list[str]  # stages whose results existed already
    plots: list[PlotSpec]
    results: dict[str, dict[str, Any]]  # stage -> pipeline.result.Result, as plain data


@as_metaflow_says()
def begin_run(root: Path, replaced: Mapping[str, str] | None = None) -> DvcRun:
    """Read the stages of `root`/dvc.yaml once per run: `self.dvc = begin_run(ROOT)`.

    Parameters
    ----------
    root : Path
        The DVC project's folder.
    replaced : mapping of name to text, optional
        Files of the root to replace with this text, for example params.yaml from a Config.

    Raises
    ------
    DvcStageError
        There is no DVC project, or DVC rejects its dvc.yaml, dvc.lock or parameters.
    """
    # Imported late: later steps do not need DVC, which takes half a second to import.
    from dvc_bridge.metaflow.stage_specs import read_specs  # noqa: PLC0415

    project = read_specs(project_folder(root).resolve(), replaced)
    package = packed()
    return DvcRun(
        root=str(root.resolve()),
        cache="" if package else str(project.cache),
        remote_run=flow_run_name(current.flow_name, current.run_id) if package else None,
        revision=package["revision"] if package else project.revision,
        dirty=package["dirty"] if package else project.dirty,
        replaced=dict(replaced or {}),
        stages=project.stages,
        refused=project.refused,
        outs=project.tracked,
        computed=[],
        restored=[],
        plots=project.plots,
        results={},
    )


def gather(flow: Any, inputs: Any) -> DvcRun:
    """Return the artifact of the previous step; at a join, merge those of all branches."""
    try:
        runs: list[DvcRun] = [flow.dvc] if inputs is None else [branch.dvc for branch in inputs]
    except AttributeError:
        raise UsageError(
            "no earlier step sets `self.dvc = begin_run(ROOT)`", "add this line to the step start"
        ) from None
    merged = runs[0].copy()
    merged["outs"] = {path: out for run in runs for path, out in run["outs"].items()}
    merged["computed"] = list(dict.fromkeys(name for run in runs for name in run["computed"]))
    merged["restored"] = list(dict.fromkeys(name for run in runs for name in run["restored"]))
    merged["results"] = {name: end for run in runs for name, end in run["results"].items()}
    return merged


def path_of(spec: StageSpec, path: str) -> str:
    """Return a path of the stage relative to the project's root."""
    return str(PurePosixPath(spec["wdir"], path))


def modes_of(run: DvcRun, path: str) -> dict[str, int]:
    """Return the modes of files at and below `path` by relative path; objects store no modes."""
    modes = {}
    for name, result in run["results"].items():
        for out, out_modes in result["modes"].items():
            out_path = path_of(run["stages"][name], out)
            for inside, mode in out_modes.items():
                file_path = PurePosixPath(out_path, inside)
                if file_path.is_relative_to(path):
                    modes[
                        "" if file_path == PurePosixPath(path) else str(file_path.relative_to(path))
                    ] = mode
    return modes


def with_result(run: DvcRun, spec: StageSpec, result: Result) -> DvcRun:
    """Return a copy of `run` that includes the result of this stage."""
    outs = {
        path_of(spec, path): pointer
        for path, pointer in lock_pointers(result.entry, "outs").items()
    }
    updated = run.copy()
    updated["outs"] = {**run["outs"], **outs}
    if result.outcome is Outcome.RAN:
        updated["computed"] = [*run["computed"], spec["name"]]
    else:
        updated["restored"] = [*run["restored"], spec["name"]]
    # Through JSON: otherwise readers of the artifact would need DVC's classes.
    updated["results"] = {**run["results"], spec["name"]: from_text(to_text(plain_result(result)))}
    return updated


def result_in(run: DvcRun, name: str) -> Result:
    """Return the result of the stage `name`."""
    return result_from_plain(run["results"][name])


def no_such_out(run: DvcRun, path: str) -> UsageError:
    """Return the error for a file that no out of the run contains."""
    return UsageError(
        f"no out of this run contains the file {path}", f"use one of {', '.join(run['outs'])}"
    )
