"""Plan the run of a generated flow before its first task, and gather its results at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaflow import current

from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.stage_specs import revision_of
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.ranges import shape
from dvc_bridge.pipeline.stage import Pipeline, Stage, StageKind
from dvc_bridge.planning.exclusion import exclusive_groups
from dvc_bridge.planning.graph import execution_order
from dvc_bridge.planning.run_cache_key import StageSpec
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.upload import RemoteForecast, submit

from .levels_run import LevelsRun
from .package import packed
from .run_artifact import DvcRun, with_result
from .step_in_pod import Opened, opened

_GENERATE_AGAIN = "generate the flow again: dvc-bridge flow -o FILE, with the flow's file"


def plan_levels(
    root: Path,
    levels: Sequence[Sequence[Sequence[str]]],
    flow_shape: str,
    *,
    force: bool,
    alone: bool,
) -> LevelsRun:
    """Plan a run; the parameters are those of `levels.begin_levels`.

    Raises
    ------
    UsageError
        The flow no longer matches dvc.yaml, or a stage cannot run in a folder of its own.
    """
    run = flow_run_name(current.flow_name, current.run_id)
    package = packed()
    with opened(root) as here:
        check_shape(here.pipeline, flow_shape)
        words = _plan(here, levels, run, force=force, alone=alone)
        revision, dirty = (
            (package["revision"], package["dirty"]) if package else revision_of(here.project)
        )
    return LevelsRun(
        run=run,
        root=str(root),
        shape=flow_shape,
        revision=revision,
        dirty=dirty,
        words=words,
    )


def all_told(run: LevelsRun) -> DvcRun:
    """Return the results of all stages, and print how many stages ran."""
    with opened(Path(run["root"])) as here:
        store = Store(Objects(here.session, "").default, run["run"])
        results = {**store.known(), **store.results(here.pipeline.stages)}
        plots = read_plots(here.project.root, here.pipeline)
    # Data that DVC tracks is also a stage to DVC, but not to a reader.
    stages = [s for s in here.pipeline.stages if s.kind is StageKind.STAGE and s.address in results]
    artifact = DvcRun(
        root=run["root"],
        cache="" if packed() else str(here.project.cache),
        remote_run=run["run"],
        revision=run["revision"],
        dirty=run["dirty"],
        replaced={},
        stages={stage.address: _spec(stage) for stage in stages},
        refused={},
        outs={},
        computed=[],
        restored=[],
        plots=plots,
        results={},
    )
    for stage in stages:
        artifact = with_result(artifact, artifact["stages"][stage.address], results[stage.address])
    outcomes = [results[stage.address].outcome for stage in stages]
    shown = (Outcome.RAN, Outcome.RESTORED, Outcome.UNCHANGED)
    print(", ".join(f"{outcomes.count(outcome)} {outcome.text}" for outcome in shown))
    return artifact


def check_shape(pipeline: Pipeline, flow_shape: str) -> None:
    """Check that the pipeline is the one that the flow was generated from.

    Raises
    ------
    UsageError
        The pipeline has changed.
    """
    if shape(pipeline) != flow_shape:
        raise UsageError(
            "the stages or edges of dvc.yaml differ from those of this flow", _GENERATE_AGAIN
        )


def _plan(
    here: Opened,
    levels: Sequence[Sequence[Sequence[str]]],
    run: str,
    *,
    force: bool,
    alone: bool,
) -> list[list[str]]:
    """Decide which stages may run, and upload code, data and the plan to the remote."""
    pipeline = here.pipeline
    positions = {pipeline.stages[p].address: p for p in pipeline.positions}
    selected = [positions[address] for level in levels for group in level for address in group]
    settings = read_settings(here.project, pipeline)
    order = selected if alone else execution_order(pipeline, sorted(selected))
    forecast = RemoteForecast(here.project, pipeline, order, here.session)
    settled = forecast.settle(force=force, alone=alone)
    if settled.here:
        names = " ".join(pipeline.stages[position].address for position in settled.here)
        raise UsageError(f"not up to date and without a command: {names}", f"dvc repro {names}")
    waiting = {stage.position for stage in settled.waiting}
    parts = [
        [[positions[a] for a in group if positions[a] in waiting] for group in level]
        for level in levels
    ]
    flat = [group for level in parts for group in level if group]
    jobs = [settings.pod(pipeline.stages[group[0]].address).jobs for group in flat]
    mutexes = exclusive_groups(pipeline, selected, settings)
    done = submit(
        here.project,
        forecast,
        settled,
        flat,
        jobs,
        run,
        force=force,
        mutexes=mutexes,
        allow=settings.allow,
        warn=print,
    )
    Store(forecast.objects.default, run).put_known(settled.results.values())
    words = iter(done.references)
    return [[next(words) for group in level if group] for level in parts]


def _spec(stage: Stage) -> StageSpec:
    return StageSpec(
        name=stage.address,
        wdir=stage.wdir,
        cmd=stage.cmd or "",
        deps=sorted(dep.path for dep in stage.deps),
        params={},
        outs=sorted(out.path for out in stage.outs),
        data=dict(stage.data),
        lock=None,
    )
