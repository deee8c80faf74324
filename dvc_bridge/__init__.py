"""Run any dvc.yaml in parallel, on this machine or on an engine, and end where `dvc repro` would.

The functions work on the DVC project of the current directory, as the commands of the same names
do. They import what they need when they are called.

>>> import dvc_bridge
>>> plan = dvc_bridge.plan()
>>> [forecast.stage.address for forecast in plan.forecasts if forecast.verdict.value == "runs"]
>>> summary = dvc_bridge.repro(jobs=4)
>>> summary.errors
{}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc_bridge.app.plan import Plan
    from dvc_bridge.app.run_end import RunEnd
    from dvc_bridge.app.submit import Submitted
    from dvc_bridge.pipeline.run_summary import Summary
    from dvc_bridge.planning.targets import Selection

    __version__: str

# Metaflow puts this package into the code of tasks that run elsewhere.
METAFLOW_PACKAGE_POLICY = "include"

__all__ = ["__version__", "collect", "plan", "repro", "submit"]


def plan(
    targets: Sequence[str] = (),
    *,
    single_item: bool = False,
    downstream: bool = False,
    all_pipelines: bool = False,
    force: bool = False,
    allow_missing: bool = False,
    pull: bool = False,
) -> Plan:
    """Return what a run would do, and why; nothing changes.

    Parameters
    ----------
    targets
        Stages, foreach or matrix groups, dvc.yaml or .dvc files; empty: ./dvc.yaml.
    single_item
        Only the targets, not what is upstream of them.
    downstream
        The targets and everything downstream of them.
    all_pipelines
        All stages of the project.
    force
        Also run stages that are up to date.
    allow_missing
        Do not run stages whose data are missing, but which are unchanged otherwise.
    pull
        Plan a run that downloads missing data; the remote is asked what it has.

    Raises
    ------
    dvc_bridge.errors.BridgeError
        The project cannot be planned; `fix` says what to do.

    Examples
    --------
    >>> for forecast in dvc_bridge.plan(["train"]).forecasts:
    ...     print(forecast.stage.address, forecast.verdict.value, *forecast.reasons)
    """
    from dvc_bridge.app import plan as use_case  # noqa: PLC0415  nothing heavy until it is called
    from dvc_bridge.pipeline.run_flags import RunFlags  # noqa: PLC0415

    selection = _selection(targets, single_item, downstream, all_pipelines)
    flags = RunFlags(force=force, allow_missing=allow_missing, pull=pull)
    return use_case.plan(selection, flags, warn=_warn)


def repro(
    targets: Sequence[str] = (),
    *,
    jobs: int = 1,
    single_item: bool = False,
    downstream: bool = False,
    all_pipelines: bool = False,
    force: bool = False,
    keep_going: bool = False,
    allow_missing: bool = False,
    pull: bool = False,
) -> Summary:
    """Run stages on this machine, in parallel, and end where `dvc repro` would have ended.

    A stage whose command fails does not raise: `Summary.errors` has it.

    Parameters
    ----------
    targets, single_item, downstream, all_pipelines, force, allow_missing
        As for `plan`.
    jobs
        How many stages run at a time.
    keep_going
        Keep running stages that do not depend on a failed one.
    pull
        Download missing data from the remote, and results in its run cache.

    Raises
    ------
    dvc_bridge.errors.BridgeError
        The project cannot run; no command was started.

    Examples
    --------
    >>> summary = dvc_bridge.repro(jobs=4)
    >>> assert not summary.errors, summary.errors
    """
    from dvc_bridge.app import repro as use_case  # noqa: PLC0415  as in `plan`
    from dvc_bridge.dvcio.dvc_version import check_version  # noqa: PLC0415
    from dvc_bridge.pipeline.run_flags import RunFlags  # noqa: PLC0415
    from dvc_bridge.ui.plain_view import PlainView  # noqa: PLC0415

    check_version()
    selection = _selection(targets, single_item, downstream, all_pipelines)
    flags = RunFlags(
        jobs=jobs, keep_going=keep_going, force=force, allow_missing=allow_missing, pull=pull
    )
    return use_case.repro(selection, flags, PlainView())


def submit(
    targets: Sequence[str] = (),
    *,
    engine: str | None = None,
    wait: bool = False,
    single_item: bool = False,
    downstream: bool = False,
    all_pipelines: bool = False,
    force: bool = False,
) -> Submitted:
    """Run stages as tasks of an engine.

    Parameters
    ----------
    targets, single_item, downstream, all_pipelines, force
        As for `plan`.
    engine
        The engine's name, such as `argo` or `processes`; None: as dvc-bridge.yaml says.
    wait
        Wait until the run has ended, and merge what it made, as `collect` does.

    Raises
    ------
    dvc_bridge.errors.BridgeError
        Nothing was started.

    Examples
    --------
    >>> submitted = dvc_bridge.submit(engine="processes", wait=True)
    >>> submitted.end.raise_error()
    """
    from dvc_bridge.app import submit as use_case  # noqa: PLC0415  as in `plan`
    from dvc_bridge.ui.plain_view import PlainView  # noqa: PLC0415

    selection = _selection(targets, single_item, downstream, all_pipelines)
    watch = (lambda _: PlainView()) if wait else None
    return use_case.submit(
        selection, engine=engine, force=force, watch=watch, report=print, warn=_warn
    )


def collect(run: str, *, checkout: bool = True) -> RunEnd:
    """Merge the results of a run into dvc.lock and the workspace, as far as it has got.

    Parameters
    ----------
    run
        The name of the run.
    checkout
        Bring the outs into the workspace too, not only into dvc.lock.

    Raises
    ------
    dvc_bridge.errors.BridgeError
        There is no such run, or an out is in use; nothing has changed.

    Examples
    --------
    >>> end = dvc_bridge.collect(submitted.run)
    >>> print(end, end.error)
    """
    from dvc_bridge.app import collect as use_case  # noqa: PLC0415  as in `plan`

    return use_case.collect(run, checkout=checkout, warn=_warn)


def _selection(
    targets: Sequence[str], single_item: bool, downstream: bool, all_pipelines: bool
) -> Selection:
    from dvc_bridge.planning.targets import Selection  # noqa: PLC0415  as in `plan`

    return Selection(
        tuple(targets),
        single_item=single_item,
        downstream=downstream,
        all_pipelines=all_pipelines,
    )


def _warn(text: str) -> None:
    import warnings  # noqa: PLC0415  as in `plan`

    warnings.warn(text, stacklevel=4)


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  as in `plan`

        return version("dvc-bridge")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
