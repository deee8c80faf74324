"""`@dvc_stage`: run a step as a stage of dvc.yaml, or skip it if DVC already has its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow import user_step_decorator

from dvc_bridge.errors import UsageError
from dvc_bridge.planning.run_cache_key import StageSpec

from .errors import as_metaflow_says
from .package import packed
from .run_artifact import DvcRun, gather


@user_step_decorator
def dvc_stage(_step: str, flow: Any, inputs: Any, attributes: dict[str, Any]) -> Iterator[Any]:
    """Run a step as a stage of dvc.yaml.

    If the step's cmd, deps, params and code equal those of an earlier run of `dvc repro` or
    Metaflow, the step is skipped and its outs are those of that run. Otherwise the body runs. It
    reads and writes under `workspace()`, a folder that holds only the stage's deps. The outs and a
    run-cache entry are then saved to DVC's cache, where `dvc repro` finds them. Neither dvc.lock
    nor the user's workspace changes.

    In a pod of a flow that is decorated with `dvc_project`, the step reads its deps from the DVC
    remote and writes its outs and the run-cache entry there. `workspace()` is then the project from
    the code package.

    Parameters
    ----------
    stage : str
        The stage's name in dvc.yaml. `{input}` is replaced with the item of a foreach.

    If the flow has a Parameter `force` and it is true, every stage runs. The step's artifact `dvc`
    is a `DvcRun`.
    """
    with as_metaflow_says():
        run = gather(flow, inputs)
        name = attributes["stage"].format(input=getattr(flow, "input", None))
        spec = _spec_of(run, name)
        force = bool(getattr(flow, "force", False))
        if packed() is None:
            from .step_on_host import run_on_host  # noqa: PLC0415  pods do not need it

            yield from run_on_host(flow, run, spec, force=force)
        else:
            from .step_in_pod import run_in_pod  # noqa: PLC0415  only pods need it

            yield from run_in_pod(flow, run, spec, force=force)


def _spec_of(run: DvcRun, name: str) -> StageSpec:
    """Return the stage `name`; raise UsageError if it does not exist or cannot be a step."""
    if name in run["refused"]:
        raise UsageError(
            f"stage {name} cannot be a step: {run['refused'][name]}", "run it with `dvc repro`"
        )
    if name not in run["stages"]:
        names = ", ".join(run["stages"])
        raise UsageError(f"{run['root']}/dvc.yaml has no stage {name}", f"use one of {names}")
    return run["stages"][name]
