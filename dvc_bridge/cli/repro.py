"""`dvc-bridge repro`."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from dvc_bridge.cli.plan import plan
from dvc_bridge.cli.selection import chosen
from dvc_bridge.cli.settings import read_settings
from dvc_bridge.dvcio.claim import RepositoryLock
from dvc_bridge.dvcio.probe import check_version
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.read import read_pipeline
from dvc_bridge.errors import (
    IntegrityError,
    StageFailedError,
    StoppedError,
    VersionMismatchError,
)
from dvc_bridge.plan.settings import FILE
from dvc_bridge.plan.targets import select
from dvc_bridge.run.local import Options
from dvc_bridge.run.local import repro as run
from dvc_bridge.run.outcome import Outcome, Summary
from dvc_bridge.run.view import PlainView, View


def repro(args: Namespace) -> int:
    """Run the selected stages here."""
    if args.dry:
        return plan(args)
    try:
        check_version()
    except VersionMismatchError as exc:
        return _plain_dvc(args, exc)
    if args.check_against_dvc:
        return _check(args)
    project = find_project()
    lock = RepositoryLock(project)
    with lock.held():
        pipeline = read_pipeline(project)
        order = select(pipeline, chosen(args, project))
        addresses = [pipeline.stages[position].address for position in order]
        options = Options(
            args.jobs,
            args.keep_going,
            args.force,
            alone=args.single_item and not args.all_pipelines,
            mutexes=read_settings(project, pipeline).mutex_groups(addresses),
        )
        if args.verify:
            from dvc_bridge.run.verify import verify  # noqa: PLC0415  not for every run

            stages = [pipeline.stages[position] for position in order]
            return _verified(verify(project, stages, _view(args)))
        summary = run(project, pipeline, order, options, _view(args), lock)
    return _told(summary, project)


def _view(args: Namespace) -> View:
    if args.plain or not sys.stdout.isatty():
        return PlainView()
    from dvc_bridge.run.live import LiveView  # noqa: PLC0415  a tenth of a second

    return LiveView(args.jobs)


def _told(summary: Summary, project: Project) -> int:
    print(summary)
    if summary.interrupted:
        raise StoppedError(summary.interrupted)
    if failed := summary.of(Outcome.FAILED):
        logs = Path(project.shown(".dvc/tmp/dvc-bridge/logs"))
        raise StageFailedError(
            "\n".join(f"{address}: {summary.reasons[address]}" for address in failed),
            f"what they printed is in {logs}; mend them and run again",
        )
    return 0


def _verified(found: Sequence[str]) -> int:
    if found:
        raise IntegrityError(
            "\n".join(found),
            "declare what these stages read as deps, or give those that share files a mutex"
            f" in {FILE}",
        )
    print("every stage makes the same outs in a clean copy")
    return 0


def _check(args: Namespace) -> int:
    from dvc_bridge.run.check import check_against_dvc  # noqa: PLC0415  not for every run

    report = check_against_dvc(Path.cwd(), [*_words(args), "-j", str(args.jobs)])
    print(report)
    if not report.equal:
        raise IntegrityError("dvc-bridge did not end where dvc repro did", "please report this")
    return 0


def _plain_dvc(args: Namespace, why: VersionMismatchError) -> int:
    """Do it as DVC does: slower, one stage at a time, but done."""
    print(f"dvc-bridge: {why.message}; running plain `dvc repro` instead", file=sys.stderr)
    command = [sys.executable, "-m", "dvc", "repro", *_words(args)]
    return subprocess.run(command, check=False).returncode


def _words(args: Namespace) -> list[str]:
    """The command line as `dvc repro` takes it."""
    flags = {
        "--single-item": args.single_item,
        "--all-pipelines": args.all_pipelines,
        "--downstream": args.downstream,
        "--force": args.force,
        "--keep-going": args.keep_going,
    }
    return [*(flag for flag, given in flags.items() if given), *args.targets]
