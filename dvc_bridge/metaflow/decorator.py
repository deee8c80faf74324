"""`@dvc_stage`: a step that is a stage of dvc.yaml, skipped when DVC has its result already."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaflow import user_step_decorator
from metaflow.user_decorators.user_step_decorator import USER_SKIP_STEP

from dvc_bridge.errors import IntegrityError
from dvc_bridge.planning.run_cache_key import StageSpec, inputs_entry, run_cache_key

from .errors import as_metaflow_says, of_machine
from .package import packed
from .run_artifact import DvcRun, dep_pointers, gather, lookup, spec_of, with_result
from .step_workspace import stage_folder

_workspace: ContextVar[Path] = ContextVar("workspace")


def workspace() -> Path:
    """Return the folder of the step that runs: the stage's deps are there, its outs go there."""
    return _workspace.get()


@user_step_decorator
def dvc_stage(_step: str, flow: Any, inputs: Any, attributes: dict[str, Any]) -> Iterator[Any]:
    """Make a step the stage of a dvc.yaml.

    A step whose cmd, deps, params and code are those of an earlier run, made by `dvc repro` or by
    Metaflow, is skipped, and its outs are what that run made. Otherwise the body runs; it reads
    and writes under `workspace()`, a folder with the stage's deps and nothing else. Then the outs
    and a run-cache entry go into DVC's cache, where `dvc repro` finds them. Neither dvc.lock nor
    the user's workspace changes.

    In a pod of a flow that is decorated with `dvc_project`, deps come from the DVC remote, and the
    outs and the run-cache entry go there; `workspace()` is the project of the code package.

    Parameters
    ----------
    stage : str
        The stage's name in dvc.yaml; `{input}` stands for the item of a foreach.

    A Parameter `force` of the flow, when true, makes every stage run. The artifact `dvc` is a
    `DvcRun`.
    """
    with as_metaflow_says():
        run = gather(flow, inputs)
        name = attributes["stage"].format(input=getattr(flow, "input", None))
        spec = spec_of(run, name)
        force = bool(getattr(flow, "force", False))
        if packed() is None:
            yield from _here(flow, run, spec, force=force)
        else:
            yield from _in_pod(flow, run, spec, force=force)


def _here(flow: Any, run: DvcRun, spec: StageSpec, *, force: bool) -> Iterator[Any]:
    name = spec["name"]
    deps = dep_pointers(run, spec)
    entry = inputs_entry(spec["cmd"], deps.items(), spec["params"])
    key = run_cache_key(entry, spec["outs"])
    if not force and (found := lookup(run, spec, deps, key)):
        print(f"{name}: unchanged, its result is in DVC's cache (run {key[:8]})")
        flow.dvc = with_result(run, spec, found)
        yield USER_SKIP_STEP
        return
    print(f"{name}: running (run {key[:8]})")
    with stage_folder(run, spec, deps) as folder:
        began = time.monotonic()
        with _working_in(folder):
            yield
        seconds = time.monotonic() - began
        if dep_pointers(run, spec) != deps:
            raise IntegrityError(f"a dep of {name} changed while it ran", "run again")
        # Imported late: a step that is skipped needs no DVC.
        from dvc_bridge.dvcio.recording.scratch_repo import save_results  # noqa: PLC0415

        with of_machine(run["cache"]):
            result = save_results(folder, Path(run["cache"]), spec)
        flow.dvc = with_result(run, spec, replace(result, seconds=seconds))


def _in_pod(flow: Any, run: DvcRun, spec: StageSpec, *, force: bool) -> Iterator[Any]:
    from .step_in_pod import PodStage, opened  # noqa: PLC0415  a laptop needs none of it

    name = spec["name"]
    with opened(Path(run["root"]), run["replaced"]) as here:
        stage = PodStage(here, run, name, force=force)
        known = stage.settle()
        if known is not None:
            print(f"{name}: unchanged, its result is in the DVC remote")
            flow.dvc = with_result(run, spec, known)
            yield USER_SKIP_STEP
            return
        print(f"{name}: running")
        with stage.outside() as took, _working_in(here.project.root):
            yield
        flow.dvc = with_result(run, spec, stage.record(took[0]))


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    token = _workspace.set(folder)
    try:
        yield
    finally:
        _workspace.reset(token)
