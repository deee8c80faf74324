"""The arguments of every command; this module does not import DVC, so that `--help` is fast."""

from __future__ import annotations

import argparse
import os
from importlib.metadata import version

from dvc_bridge.cli.options import (
    add_engine,
    add_flags,
    add_fuse,
    add_stages,
    add_wait,
    day_count,
    job_count,
)

_PATHSPEC = "run, as TrainFlow/123"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root_parser = argparse.ArgumentParser(
        prog="dvc-bridge", description="Run any dvc.yaml in parallel and end where dvc repro would."
    )
    root_parser.add_argument("--version", action="version", version=version("dvc-bridge"))
    root_parser.add_argument(
        "--cd", metavar="FOLDER", help="change to this folder before anything else"
    )
    commands = root_parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_plan(commands.add_parser("plan", help="show what would run, and why"))
    _add_repro(commands.add_parser("repro", help="run stages on this machine, in parallel"))
    doctor = commands.add_parser(
        "doctor", help="check the environment, and print the command that fixes each problem"
    )
    add_engine(doctor)
    doctor.set_defaults(run="dvc_bridge.cli.doctor:doctor_command")
    _add_submit(
        commands.add_parser(
            "submit", help="run stages as tasks of an engine, such as pods of an Argo Workflow"
        )
    )
    _add_convert(
        commands.add_parser("convert", help="write an Argo manifest, with the code from git")
    )
    collect = commands.add_parser(
        "collect", help="merge the results of a run into dvc.lock and the workspace"
    )
    collect.add_argument("run_name", metavar="RUN", help="name of the run, as printed by submit")
    collect.add_argument(
        "--no-checkout", action="store_true", help="update dvc.lock only, without outs"
    )
    collect.set_defaults(run="dvc_bridge.cli.submit:collect_command")
    _add_flow(commands.add_parser("flow", help="write a Metaflow flow from dvc.yaml"))
    _add_sync(commands.add_parser("sync", help="merge the results of a Metaflow run"))
    report = commands.add_parser("report", help="write an HTML report of a Metaflow run")
    report.add_argument("--run", dest="pathspec", required=True, metavar="PATHSPEC", help=_PATHSPEC)
    report.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    report.set_defaults(run="dvc_bridge.cli.metaflow:report_command")
    for name, text in (
        ("status", "list the runs of the engine, or the tasks of one run"),
        ("stop", "stop a run; finished results are kept"),
        ("logs", "print the output of the stages of a run"),
    ):
        command = commands.add_parser(name, help=text)
        nargs = "?" if name == "status" else None
        command.add_argument(
            "run_name", metavar="RUN", nargs=nargs, help="name of the run, as printed by submit"
        )
        add_engine(command)
        command.set_defaults(run=f"dvc_bridge.cli.runs:{name}_command")
        if name == "status":
            command.add_argument("--json", action="store_true", help="machine-readable output")
        if name == "logs":
            command.add_argument("stage", nargs="?", metavar="STAGE", help="show only this stage")
            command.add_argument(
                "-f", "--follow", action="store_true", help="wait for more until the run ends"
            )
    retry = commands.add_parser("retry", help="resume a failed or stopped run")
    retry.add_argument("run_name", metavar="RUN", help="name of the run, as printed by submit")
    add_wait(retry)
    add_engine(retry)
    retry.set_defaults(run="dvc_bridge.cli.submit:retry_command")
    _add_gc(commands.add_parser("gc", help="remove old runs and snapshots from the remote"))
    worker = commands.add_parser("worker", help="run one task; engines start it")
    worker.add_argument("reference", metavar="REFERENCE", help="reference of the task")
    worker.set_defaults(run="dvc_bridge.cli.worker:worker_command")
    return root_parser


def _add_plan(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_flags(command)
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.add_argument(
        "-v", "--verbose", action="store_true", help="also list the stages that are up to date"
    )
    command.add_argument(
        "--check",
        action="store_true",
        help="end with 0 if there is nothing to do, 10 if stages would run, 11 if plan cannot tell"
        " because data are missing or a stage would fail",
    )
    command.set_defaults(run="dvc_bridge.cli.plan:plan_command")


def _add_repro(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_flags(command)
    command.add_argument(
        "-j",
        "--jobs",
        type=job_count,
        nargs="?",
        default=1,
        const=os.cpu_count() or 1,
        metavar="N",
        help="number of stages that run at a time; without a number one per core; default: 1",
    )
    command.add_argument(
        "-k",
        "--keep-going",
        action="store_true",
        help="keep running stages that do not depend on a failed one",
    )
    command.add_argument(
        "--ignore-errors",
        action="store_true",
        help="run all stages, also those that depend on a failed one, and end with 0",
    )
    command.add_argument(
        "--no-commit", action="store_true", help="do not store the outs in the cache"
    )
    command.add_argument("--dry", action="store_true", help="print the plan; run nothing")
    command.add_argument(
        "--plain", action="store_true", help="print plain lines, also on a terminal"
    )
    proof = command.add_mutually_exclusive_group()
    proof.add_argument(
        "--verify",
        action="store_true",
        help="run each stage again in a copy that has only its deps, and report outs that differ",
    )
    proof.add_argument(
        "--check-against-dvc",
        action="store_true",
        help="run dvc repro and dvc-bridge repro in two copies of the project, and report every"
        " difference",
    )
    command.set_defaults(
        run="dvc_bridge.cli.repro:repro_command", json=False, verbose=False, check=False
    )


def _add_submit(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_wait(command)
    add_engine(command)
    add_fuse(command, None, "default: the one in dvc-bridge.yaml, or auto")
    command.set_defaults(run="dvc_bridge.cli.submit:submit_command")


def _add_convert(command: argparse.ArgumentParser) -> None:
    add_stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--kind",
        choices=("Workflow", "WorkflowTemplate", "CronWorkflow"),
        default="Workflow",
        help="default: Workflow",
    )
    command.add_argument(
        "--schedule", metavar="CRON", help="schedule of a CronWorkflow, as '0 6 * * 1'"
    )
    command.add_argument(
        "--name", help="name of the Workflow; default: name of the project's folder"
    )
    command.add_argument(
        "--revision",
        default="HEAD",
        metavar="REV",
        help="git revision of the code in the pods; default: HEAD",
    )
    command.add_argument(
        "--repo",
        metavar="URL",
        help="URL of the code's repository; default: URL of the remote origin",
    )
    add_fuse(command, "chains", "default: chains; auto uses how long stages took here")
    command.set_defaults(run="dvc_bridge.cli.convert:convert_command")


def _add_flow(command: argparse.ArgumentParser) -> None:
    add_stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--check", action="store_true", help="write nothing; check that FILE is what dvc.yaml gives"
    )
    command.add_argument(
        "--name", help="name of the flow; default: made from the name of the project's folder"
    )
    command.add_argument(
        "--fuse",
        choices=("none", "chains"),
        default="chains",
        help="how stages are grouped into tasks; default: chains",
    )
    command.set_defaults(run="dvc_bridge.cli.metaflow:flow_command")


def _add_sync(command: argparse.ArgumentParser) -> None:
    command.add_argument("pathspec", metavar="PATHSPEC", help=_PATHSPEC)
    command.add_argument(
        "--partial",
        action="store_true",
        help="merge each finished stage that has the cmd, deps and params of the stage here, even"
        " if the run failed, goes on, or has another revision",
    )
    command.set_defaults(run="dvc_bridge.cli.metaflow:sync_command")


def _add_gc(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run_names",
        metavar="RUN",
        nargs="*",
        help="remove these runs, whatever their age; default: old ones",
    )
    command.add_argument(
        "--days",
        type=day_count,
        default=7,
        metavar="N",
        help="age in days from which a run is old; default: 7",
    )
    command.add_argument(
        "--dry", action="store_true", help="print what would be removed; remove nothing"
    )
    command.set_defaults(run="dvc_bridge.cli.gc:gc_command")
