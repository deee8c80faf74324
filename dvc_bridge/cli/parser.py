"""The words of the command line; nothing here imports DVC, so that `--help` is quick."""

from __future__ import annotations

import argparse
from importlib.metadata import version

_PATHSPEC = "of the run, as TrainFlow/123"


def parser() -> argparse.ArgumentParser:
    """Describe every command."""
    whole = argparse.ArgumentParser(
        prog="dvc-bridge", description="Run any dvc.yaml in parallel and end where dvc repro would."
    )
    whole.add_argument("--version", action="version", version=version("dvc-bridge"))
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _plan(commands.add_parser("plan", help="what would run, what would not, and why"))
    _repro(commands.add_parser("repro", help="run stages here, in parallel"))
    doctor = commands.add_parser("doctor", help="what is wrong here, and the command that fixes it")
    doctor.set_defaults(run="dvc_bridge.cli.doctor:doctor")
    _submit(commands.add_parser("submit", help="run stages as pods of an Argo Workflow"))
    _convert(commands.add_parser("convert", help="the manifest as text, with the code from git"))
    collect = commands.add_parser("collect", help="merge what the pods of a run have made")
    collect.add_argument("run_name", metavar="RUN", help="as submit has named it")
    collect.add_argument("--no-checkout", action="store_true", help="dvc.lock alone, no outs")
    collect.set_defaults(run="dvc_bridge.cli.submit:collect")
    _flow(commands.add_parser("flow", help="a Metaflow flow from dvc.yaml"))
    _sync(commands.add_parser("sync", help="merge what a Metaflow run has made"))
    report = commands.add_parser("report", help="a Metaflow run as one page of HTML")
    report.add_argument("--run", dest="pathspec", required=True, metavar="PATHSPEC", help=_PATHSPEC)
    report.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    report.set_defaults(run="dvc_bridge.cli.report:report")
    for name, text in (
        ("status", "the runs of the cluster, or the pods of one"),
        ("stop", "have a run end; what has finished is kept"),
        ("logs", "what the stages of a run have printed"),
    ):
        command = commands.add_parser(name, help=text)
        nargs = "?" if name == "status" else None
        command.add_argument("run_name", metavar="RUN", nargs=nargs, help="as submit has named it")
        command.set_defaults(run=f"dvc_bridge.cli.cluster:{name}")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
        if name == "logs":
            command.add_argument("stage", nargs="?", metavar="STAGE", help="of this one alone")
            command.add_argument("-f", "--follow", action="store_true", help="until it ends")
    retry = commands.add_parser("retry", help="have a run go on: what it has not made is made")
    retry.add_argument("run_name", metavar="RUN", help="as submit has named it")
    _wait(retry)
    retry.set_defaults(run="dvc_bridge.cli.retry:retry")
    _gc(commands.add_parser("gc", help="old runs and snapshots out of the remote"))
    worker = commands.add_parser("worker", help="what pods start; not for people")
    worker.add_argument("group", metavar="GROUP", help="which line of the plan")
    worker.set_defaults(run="dvc_bridge.cli.worker:worker")
    return whole


def _stages(command: argparse.ArgumentParser, *, force: bool = True) -> None:
    """Which stages, in the words of `dvc repro`."""
    command.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a stage, a foreach or matrix group, a dvc.yaml or .dvc file; default: ./dvc.yaml",
    )
    command.add_argument(
        "-s", "--single-item", action="store_true", help="the targets alone, nothing upstream"
    )
    command.add_argument(
        "-P", "--all-pipelines", action="store_true", help="every stage of the project"
    )
    command.add_argument(
        "--downstream", action="store_true", help="the targets and what follows from them"
    )
    if force:
        command.add_argument(
            "-f", "--force", action="store_true", help="run stages that are up to date too"
        )


def _plan(command: argparse.ArgumentParser) -> None:
    _stages(command)
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument(
        "-v", "--verbose", action="store_true", help="name the stages that are up to date too"
    )
    command.set_defaults(run="dvc_bridge.cli.plan:plan")


def _repro(command: argparse.ArgumentParser) -> None:
    _stages(command)
    command.add_argument(
        "-j", "--jobs", type=_jobs, default=1, metavar="N", help="stages at a time; default: 1"
    )
    command.add_argument(
        "-k", "--keep-going", action="store_true", help="go on with what does not need a failure"
    )
    command.add_argument("--dry", action="store_true", help="print the plan, run nothing")
    command.add_argument(
        "--plain", action="store_true", help="plain lines on a terminal too, no live view"
    )
    proof = command.add_mutually_exclusive_group()
    proof.add_argument(
        "--verify",
        action="store_true",
        help="run each stage again in a copy with its deps alone, and report outs that differ",
    )
    proof.add_argument(
        "--check-against-dvc",
        action="store_true",
        help="run dvc repro and this in two copies, and report every difference; needs room",
    )
    command.set_defaults(run="dvc_bridge.cli.repro:repro", json=False, verbose=False)


def _submit(command: argparse.ArgumentParser) -> None:
    _stages(command)
    _wait(command)
    _fuse(command, None, "default: that of dvc-bridge.yaml, or auto")
    command.set_defaults(run="dvc_bridge.cli.submit:submit_command")


def _convert(command: argparse.ArgumentParser) -> None:
    _stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--kind",
        choices=("Workflow", "WorkflowTemplate", "CronWorkflow"),
        default="Workflow",
        help="default: Workflow",
    )
    command.add_argument("--schedule", metavar="CRON", help="of a CronWorkflow, as '0 6 * * 1'")
    command.add_argument("--name", help="default: that of the project's folder")
    command.add_argument(
        "--revision", default="HEAD", metavar="REV", help="of the code in the pods; default: HEAD"
    )
    command.add_argument("--repo", metavar="URL", help="of the code; default: the remote origin's")
    _fuse(command, "chains", "default: chains; auto counts with how long stages took here")
    command.set_defaults(run="dvc_bridge.cli.convert:convert")


def _flow(command: argparse.ArgumentParser) -> None:
    _stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--check", action="store_true", help="write nothing; say whether FILE is that of dvc.yaml"
    )
    command.add_argument("--name", help="of the flow; default: after the project's folder")
    command.add_argument(
        "--fuse",
        choices=("none", "chains"),
        default="chains",
        help="whether stages that nothing can run beside share a task; default: chains",
    )
    command.set_defaults(run="dvc_bridge.cli.flow:flow")


def _sync(command: argparse.ArgumentParser) -> None:
    command.add_argument("pathspec", metavar="PATHSPEC", help=_PATHSPEC)
    command.add_argument(
        "--partial",
        action="store_true",
        help="stage by stage, what has finished and has the cmd, deps and params of the stage here;"
        " also of a run that failed, still goes on, or is of another revision",
    )
    command.set_defaults(run="dvc_bridge.cli.sync:sync")


def _fuse(command: argparse.ArgumentParser, default: str | None, said: str) -> None:
    command.add_argument(
        "--fuse",
        choices=("none", "chains", "auto"),
        default=default,
        help=f"how far stages share pods; {said}",
    )


def _wait(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wait", action="store_true", help="watch the pods, then merge what they made"
    )
    command.add_argument(
        "--plain", action="store_true", help="plain lines on a terminal too, no live view"
    )


def _gc(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run_names", metavar="RUN", nargs="*", help="these, whatever their age; default: old ones"
    )
    command.add_argument(
        "--days", type=_days, default=7, metavar="N", help="what counts as old; default: 7"
    )
    command.add_argument("--dry", action="store_true", help="say what would go, remove nothing")
    command.set_defaults(run="dvc_bridge.cli.gc:gc")


def _days(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of days")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)
