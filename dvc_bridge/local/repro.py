"""A run on this machine from its start: what it may restore, download, record and trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.dvc_recorder import DvcRecorder
from dvc_bridge.local.history import History
from dvc_bridge.local.runner import Options, Run
from dvc_bridge.local.tracer import Tracer
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import sharing_losses
from dvc_bridge.planning.next_action import is_certain_to_run
from dvc_bridge.ui.view import View


def repro(
    project: Project,
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    options: Options,
    view: View,
    lock: RepositoryLock,
) -> Summary:
    """Bring the stages at `order` up to date in parallel, with the results of `dvc repro`.

    The summary contains failed stages; they do not raise an exception.

    Parameters
    ----------
    lock
        The repository's lock, which the caller took before it read `pipeline`.
    """
    stages = [pipeline.stages[position] for position in order]
    unfinished = RecoveryLog(project, [stage.address for stage in stages])
    unfinished.tidy(project, (out.at for stage in stages for out in stage.outs if out.local))
    with Session(project, view.note, unfinished) as session:
        workspace = Workspace(project)
        if not options.flags.allow_missing:
            options = replace(
                options,
                queues=tuple(sharing_losses(stages, workspace.lost)),
                certain=lambda s: is_certain_to_run(s, workspace, workspace.has_runs),
            )
        recorder = _recorder(
            project, pipeline, order, options, view, session, workspace, unfinished
        )
        history = History(project)
        addresses = [stage.address for stage in stages]
        run = Run(
            project,
            pipeline,
            order,
            options,
            view,
            lock,
            session,
            recorder,
            journal=history,
            tracer=_tracer(project, addresses, history, options),
        )
        return run.run()


def _recorder(
    project: Project,
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    options: Options,
    view: View,
    session: Session,
    workspace: Workspace,
    unfinished: RecoveryLog,
) -> DvcRecorder:
    flags, alone = options.flags, options.alone
    if flags.pull:
        # Imported late, because it loads the remotes.
        from dvc_bridge.local.pulling_recorder import PullingRecorder  # noqa: PLC0415

        recorder: DvcRecorder = PullingRecorder(
            project,
            session,
            workspace,
            unfinished,
            pipeline,
            order,
            flags,
            view.fetching,
            alone=alone,
        )
    else:
        rule = AllowMissing.of(pipeline, alone=alone) if flags.allow_missing else None
        recorder = DvcRecorder(project, session, workspace, unfinished, rule, flags)
    if flags.interactive:
        recorder.confirm = options.confirm
    return recorder


def _tracer(
    project: Project, addresses: Sequence[str], history: History, options: Options
) -> Tracer:
    if options.requests is None:
        return Tracer(addresses, history.seconds)
    jobs = options.flags.jobs
    return Tracer.of_run(project, addresses, history.seconds, options.requests, jobs)
