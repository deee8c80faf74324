"""`@dvc_stage`: a step that is a stage of dvc.yaml, skipped when DVC has its result already."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaflow import user_step_decorator
from metaflow.user_decorators.user_step_decorator import USER_SKIP_STEP

from dvc_bridge.errors import BridgeError, IntegrityError
from dvc_bridge.plan.run_cache import inputs_entry, run_cache_key

from .errors import DvcStageError
from .record import dep_pointers, gather, lookup, make_workspace, spec_of, with_result

_workspace: ContextVar[Path] = ContextVar("workspace")


def workspace() -> Path:
    """Give the folder of the step that runs: the stage's deps are there, its outs go there."""
    return _workspace.get()


@user_step_decorator
def dvc_stage(_step: str, flow: Any, inputs: Any, attributes: dict[str, Any]) -> Iterator[Any]:
    """Make a step the stage of a dvc.yaml.

    A step whose cmd, deps, params and code are those of an earlier run, made by `dvc repro` or by
    Metaflow, is skipped, and its outs are what that run made. Otherwise the body runs; it reads
    and writes under `workspace()`, a folder with the stage's deps and nothing else. Then the outs
    and a run-cache entry go into DVC's cache, where `dvc repro` finds them. Neither dvc.lock nor
    the user's workspace changes.

    Parameters
    ----------
    stage : str
        The stage's name in dvc.yaml; `{input}` stands for the item of a foreach.

    A Parameter `force` of the flow, when true, makes every stage run. The artifact `dvc` is a
    `DvcRun`.
    """
    try:
        run = gather(flow, inputs)
        name = attributes["stage"].format(input=getattr(flow, "input", None))
        spec = spec_of(run, name)
        deps = dep_pointers(run, spec)
        entry = inputs_entry(spec["cmd"], deps, spec["params"])
        key = run_cache_key(entry, spec["outs"])
        found = None if getattr(flow, "force", False) else lookup(run, spec, deps, key)
    except BridgeError as error:
        raise DvcStageError(str(error)) from None
    if found:
        print(f"{name}: unchanged, its result is in DVC's cache (run {key[:8]})")
        flow.dvc = with_result(run, spec, found)
        yield USER_SKIP_STEP
        return
    print(f"{name}: running (run {key[:8]})")
    folder = make_workspace(run, spec, deps)
    token = _workspace.set(folder)
    began = time.monotonic()
    try:
        yield
        seconds = time.monotonic() - began
        if dep_pointers(run, spec) != deps:
            raise IntegrityError(f"a dep of {name} changed while it ran", "run again")
        # Imported late: a step that is skipped needs no DVC.
        from dvc_bridge.dvcio.workspace import save_results  # noqa: PLC0415

        result = save_results(folder, Path(run["cache"]), spec)
        flow.dvc = with_result(run, spec, replace(result, seconds=seconds))
    except BridgeError as error:
        raise DvcStageError(str(error)) from None
    finally:
        _workspace.reset(token)
        shutil.rmtree(folder, ignore_errors=True)
