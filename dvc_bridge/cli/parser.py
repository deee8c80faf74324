"""All commands; each is imported, with its arguments, only when it is used."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from dvc_bridge.cli.command_parser import CommandParser
from dvc_bridge.cli.suggesting_parser import SuggestingParser

# Each command: its line in `--help`, and its module.
_COMMANDS = {
    "plan": ("show what would run, and why", "plan"),
    "repro": ("run stages on this machine, in parallel", "repro"),
    "doctor": ("check the environment, and print the command that fixes each problem", "doctor"),
    "submit": ("run stages as tasks of an engine, such as pods of an Argo Workflow", "submit"),
    "convert": ("write an Argo manifest or a SLURM script, with the code from git", "convert"),
    "collect": ("merge the results of a run into dvc.lock and the workspace", "submit"),
    "flow": ("write a Metaflow flow from dvc.yaml", "metaflow"),
    "sync": ("merge the results of a Metaflow run", "metaflow"),
    "report": ("write what a run did: a page, Markdown or JSON", "report"),
    "status": ("list the runs of the engine, or the tasks of one run", "runs"),
    "stop": ("stop a run; finished results are kept", "runs"),
    "logs": ("print the output of the stages of a run", "runs"),
    "retry": ("resume a failed or stopped run", "submit"),
    "gc": ("remove old runs and snapshots from the remote", "gc"),
    "completion": ("print a script for the completion of a shell", "completion"),
    "worker": ("run one task; engines start it", "worker"),
}


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
    for name, (text, module) in _COMMANDS.items():
        commands.add_parser(name, help=text, declare=f"dvc_bridge.cli.{module}:declare_{name}")
    return root_parser
