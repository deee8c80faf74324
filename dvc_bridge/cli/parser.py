"""The arguments of every command; this module does not import DVC, so that `--help` is fast."""

from __future__ import annotations

import argparse
import os
from importlib.metadata import version

from dvc_bridge.cli.command_parser import CommandParser, Declare
from dvc_bridge.cli.options import (
    add_engine,
    add_flags,
    add_follow,
    add_fuse,
    add_stages,
    add_verbosity,
    add_wait,
    day_count,
    job_count,
)
from dvc_bridge.cli.refusals import OF_FLOW, OF_SUBMIT, add_refusals
from dvc_bridge.cli.suggesting_parser import SuggestingParser

_PATHSPEC = "run, as TrainFlow/123"


def complete_parser() -> argparse.ArgumentParser:
    """Return the parser with the arguments of every command, for documentation."""
    root_parser = parser()
    (commands,) = (a for a in root_parser._actions if isinstance(a, argparse._SubParsersAction))
    for command in commands.choices.values():
        command.declare()
    return root_parser


def parser() -> argparse.ArgumentParser:
    """Return the parser; a command's arguments are declared once the command is parsed."""
    root_parser = SuggestingParser(
        prog="dvc-bridge", description="Run any dvc.yaml in parallel and end where dvc repro would."
    )
    root_parser.add_argument("--version", action="version", version=version("dvc-bridge"))
    root_parser.add_argument(
        "--cd", metavar="FOLDER", help="change to this folder before anything else"
    )
    commands = root_parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=CommandParser
    )
    for name, (text, declare) in _COMMANDS.items():
        commands.add_parser(name, help=text, declare=declare)
    return root_parser


def _declare_plan(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_flags(
        command,
        pull="ask the remote which missing data it has; show what repro --pull would do",
    )
    command.add_argument("--json", action="store_true", help="machine-readable output")
    add_verbosity(command)
    command.add_argument(
        "--check",
        action="store_true",
        help="end with 0 if there is nothing to do, 10 if stages would run, 11 if plan cannot tell"
        " because data are missing or a stage would fail",
    )
    command.set_defaults(run="dvc_bridge.cli.plan:plan_command")


def _declare_repro(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_flags(
        command,
        pull="download missing data and results of the run cache from the remote; with"
        " --allow-missing only for stages that run",
    )
    command.add_argument(
        "-j",
        "--jobs",
        type=job_count,
        nargs="?",
        const=os.cpu_count() or 1,
        metavar="N",
        help="number of stages that run at a time; without a number one per core; default: jobs in"
        " dvc-bridge.yaml, or 1",
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
    command.add_argument(
        "-i",
        "--interactive",
        action="store_true",
        help="ask before each stage that has changed; without a terminal, the answer is no",
    )
    command.add_argument("--dry", action="store_true", help="print the plan; run nothing")
    add_verbosity(command)
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
    add_follow(command)
    command.set_defaults(run="dvc_bridge.cli.repro:repro_command", json=False, check=False)


def _declare_submit(command: argparse.ArgumentParser) -> None:
    add_stages(command)
    add_wait(command)
    add_follow(command)
    add_engine(command)
    add_fuse(command, None, "default: the one in dvc-bridge.yaml, or auto")
    add_refusals(command, OF_SUBMIT)
    command.set_defaults(run="dvc_bridge.cli.submit:submit_command")


def _declare_convert(command: argparse.ArgumentParser) -> None:
    add_stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--check",
        action="store_true",
        help="write nothing; check that FILE is what the pipeline converts to",
    )
    command.add_argument(
        "--kind",
        choices=("Workflow", "WorkflowTemplate", "CronWorkflow", "slurm"),
        default="Workflow",
        help="a manifest of Argo, or a script that submits SLURM jobs; default: Workflow",
    )
    command.add_argument(
        "--schedule", metavar="CRON", help="schedule of a CronWorkflow, as '0 6 * * 1'"
    )
    command.add_argument(
        "--name", help="name of the Workflow or of the runs; default: name of the project's folder"
    )
    command.add_argument(
        "--revision",
        default="HEAD",
        metavar="REV",
        help="git revision of the code in the tasks; default: HEAD",
    )
    command.add_argument(
        "--repo",
        metavar="URL",
        help="URL of the code's repository; default: URL of the remote origin",
    )
    add_fuse(command, "chains", "default: chains; auto uses how long stages took here")
    command.set_defaults(run="dvc_bridge.cli.convert:convert_command")


def _declare_flow(command: argparse.ArgumentParser) -> None:
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
    add_refusals(command, OF_FLOW)
    command.set_defaults(run="dvc_bridge.cli.metaflow:flow_command")


def _declare_sync(command: argparse.ArgumentParser) -> None:
    command.add_argument("pathspec", metavar="PATHSPEC", help=_PATHSPEC)
    command.add_argument(
        "--partial",
        action="store_true",
        help="merge each finished stage that has the cmd, deps and params of the stage here, even"
        " if the run failed, goes on, or has another revision",
    )
    command.set_defaults(run="dvc_bridge.cli.metaflow:sync_command")


def _declare_gc(command: argparse.ArgumentParser) -> None:
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


def _declare_doctor(command: argparse.ArgumentParser) -> None:
    add_engine(command)
    command.set_defaults(run="dvc_bridge.cli.doctor:doctor_command")


def _declare_collect(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    command.add_argument(
        "--no-checkout", action="store_true", help="update dvc.lock only, without outs"
    )
    command.set_defaults(run="dvc_bridge.cli.submit:collect_command")


def _declare_report(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "runs",
        metavar="RUN",
        nargs="*",
        help="name of the run, or a Metaflow run as TrainFlow/123; default: the last run of this"
        " project; two runs: what differs between them",
    )
    command.add_argument(
        "--run", dest="pathspec", metavar="PATHSPEC", help="older form of the argument RUN"
    )
    command.add_argument(
        "--base",
        metavar="REV",
        help="git revision to compare metrics and params with; default: HEAD",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="Markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="the trace of the run as JSON")
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.set_defaults(run="dvc_bridge.cli.report:report_command")


def _declare_status(command: argparse.ArgumentParser) -> None:
    _add_run(command, nargs="?")
    add_engine(command)
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.set_defaults(run="dvc_bridge.cli.runs:status_command")


def _declare_stop(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    add_engine(command)
    command.set_defaults(run="dvc_bridge.cli.runs:stop_command")


def _declare_logs(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    add_engine(command)
    command.add_argument("stage", nargs="?", metavar="STAGE", help="show only this stage")
    command.add_argument(
        "-f", "--follow", action="store_true", help="wait for more until the run ends"
    )
    command.set_defaults(run="dvc_bridge.cli.runs:logs_command")


def _declare_retry(command: argparse.ArgumentParser) -> None:
    _add_run(command)
    add_wait(command)
    add_follow(command)
    add_engine(command)
    command.set_defaults(run="dvc_bridge.cli.submit:retry_command")


def _declare_worker(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", metavar="REFERENCE", help="reference of the task")
    command.set_defaults(run="dvc_bridge.cli.worker:worker_command")


def _add_run(command: argparse.ArgumentParser, nargs: str | None = None) -> None:
    command.add_argument(
        "run_name", metavar="RUN", nargs=nargs, help="name of the run, as printed by submit"
    )


# Each command's line in `--help`, and the function that declares its arguments.
def _declare_completion(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-s",
        "--shell",
        choices=("bash", "zsh", "tcsh"),
        default="bash",
        help="the shell; default: bash",
    )
    command.set_defaults(run="dvc_bridge.cli.completion:completion_command")


_COMMANDS: dict[str, tuple[str, Declare]] = {
    "plan": ("show what would run, and why", _declare_plan),
    "repro": ("run stages on this machine, in parallel", _declare_repro),
    "doctor": (
        "check the environment, and print the command that fixes each problem",
        _declare_doctor,
    ),
    "submit": (
        "run stages as tasks of an engine, such as pods of an Argo Workflow",
        _declare_submit,
    ),
    "convert": (
        "write an Argo manifest or a SLURM script, with the code from git",
        _declare_convert,
    ),
    "collect": ("merge the results of a run into dvc.lock and the workspace", _declare_collect),
    "flow": ("write a Metaflow flow from dvc.yaml", _declare_flow),
    "sync": ("merge the results of a Metaflow run", _declare_sync),
    "report": ("write what a run did: a page, Markdown or JSON", _declare_report),
    "status": ("list the runs of the engine, or the tasks of one run", _declare_status),
    "stop": ("stop a run; finished results are kept", _declare_stop),
    "logs": ("print the output of the stages of a run", _declare_logs),
    "retry": ("resume a failed or stopped run", _declare_retry),
    "gc": ("remove old runs and snapshots from the remote", _declare_gc),
    "completion": ("print a script for the completion of a shell", _declare_completion),
    "worker": ("run one task; engines start it", _declare_worker),
}
