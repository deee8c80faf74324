"""A run of a generated flow: planned before its first task, told after its last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaflow import current

from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.stage_specs import revision_of
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.ranges import shape
from dvc_bridge.pipeline.result import RAN, RESTORED, UNCHANGED
from dvc_bridge.pipeline.stage import Pipeline, Stage, StageKind
from dvc_bridge.planning.graph import execution_order
from dvc_bridge.planning.run_cache_key import StageSpec
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.upload import RemoteForecast, submit

from .levels import LevelsRun
from .package import packed
from .run_artifact import DvcRun, with_result
from .step_in_pod import Opened, opened

WRITE_ANEW = "dvc-bridge flow -o FILE, the flow's file, writes it anew"


def plan_levels(
    root: Path, levels: Sequence[Sequence[Sequence[str]]], made: str, *, force: bool, alone: bool
) -> LevelsRun:
    """Plan a run; the parameters are those of `levels.begin_levels`.

    Raises
    ------
    UsageError
        The flow is not that of dvc.yaml any more, or a stage cannot run in a folder of its own.
    """
    run = flow_run_name(current.flow_name, current.run_id)
    facts = packed()
    with opened(root) as here:
        check_shape(here.pipeline, made)
        words = _plan(here, levels, run, force=force, alone=alone)
        told = (facts["revision"], facts["dirty"]) if facts else revision_of(here.project)
    return LevelsRun(
        run=run,
        root=str(root),
        shape=made,
        revision=told[0],
        dirty=told[1],
        words=words,
    )


def all_told(run: LevelsRun) -> DvcRun:
    """Gather what became of all stages, and print how many ran."""
    with opened(Path(run["root"])) as here:
        store = Store(Objects(here.session, "").default, run["run"])
        results = {**store.known(), **store.results(here.pipeline.stages)}
        plots = read_plots(here.project.root, here.pipeline)
    # Files that DVC tracks are no stages to a reader.
    stages = [s for s in here.pipeline.stages if s.kind is StageKind.STAGE and s.address in results]
    told = DvcRun(
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
        told = with_result(told, told["stages"][stage.address], results[stage.address])
    said = {RAN: "ran", RESTORED: "from the run cache", UNCHANGED: "unchanged"}
    ends = [results[stage.address].outcome for stage in stages]
    print(", ".join(f"{ends.count(word)} {text}" for word, text in said.items()))
    return told


def check_shape(pipeline: Pipeline, made: str) -> None:
    """Check that a pipeline is the one that a flow was made from.

    Raises
    ------
    UsageError
        It has changed since.
    """
    if shape(pipeline) != made:
        raise UsageError("dvc.yaml has other stages or edges than this flow", WRITE_ANEW)


def _plan(
    here: Opened,
    levels: Sequence[Sequence[Sequence[str]]],
    run: str,
    *,
    force: bool,
    alone: bool,
) -> list[list[str]]:
    """Decide what there is to do, and put code, data and plan into the remote."""
    pipeline = here.pipeline
    place = {stage.address: position for position, stage in enumerate(pipeline.stages)}
    chosen = [place[address] for level in levels for group in level for address in group]
    settings = read_settings(here.project, pipeline)
    order = chosen if alone else execution_order(pipeline, sorted(chosen))
    outlook = RemoteForecast(here.project, pipeline, order, here.session)
    settled = outlook.settle(force=force, alone=alone)
    stale = settled.here
    if stale and force:  # what is forced are commands: data has none, and may be as it should be
        stale = outlook.settle(force=False, alone=alone).here
    if stale:
        names = " ".join(pipeline.stages[position].address for position in stale)
        raise UsageError(f"not up to date, and without a command: {names}", f"dvc repro {names}")
    waiting = {found.position for found in settled.waiting}
    parts = [
        [[place[a] for a in group if place[a] in waiting] for group in level] for level in levels
    ]
    flat = [group for level in parts for group in level if group]
    jobs = [settings.pod(pipeline.stages[group[0]].address).jobs for group in flat]
    mutexes = settings.mutex_groups(place)
    done = submit(
        here.project,
        outlook,
        settled,
        flat,
        jobs,
        run,
        force=force,
        mutexes=mutexes,
        allow=settings.allow,
        warn=print,
    )
    for stage in pipeline.stages:
        result = settled.results.get(stage.address)
        if result and result.outcome == RESTORED:
            outlook.objects.send(stage, result.entry)
    Store(outlook.objects.default, run).put_known(settled.results.values())
    words = iter(done.words)
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
