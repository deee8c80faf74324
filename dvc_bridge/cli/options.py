"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse

# The functions of the completion script that complete stages and files.
COMPLETE_TARGETS = {"bash": "_dvc_bridge_targets", "zsh": "_dvc_bridge_targets"}


def add_stages(command: argparse.ArgumentParser, *, force: bool = True) -> None:
    """Add the arguments that select stages, as `dvc repro` has them."""
    targets = command.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a stage, a foreach or matrix group, a dvc.yaml or .dvc file; default: ./dvc.yaml",
    )
    targets.complete = COMPLETE_TARGETS  # type: ignore[attr-defined]  # shtab reads it
    command.add_argument(
        "-s",
        "--single-item",
        action="store_true",
        help="run only the targets, not what is upstream of them",
    )
    command.add_argument(
        "-p",
        "--pipeline",
        action="store_true",
        help="the whole pipelines that contain the targets",
    )
    command.add_argument(
        "-P", "--all-pipelines", action="store_true", help="all stages of the project"
    )
    command.add_argument(
        "-R",
        "--recursive",
        action="store_true",
        help="a target can be a folder: the stages of all files in it",
    )
    command.add_argument(
        "--glob", action="store_true", help="the names in targets are patterns, as 'train@*'"
    )
    command.add_argument(
        "--downstream", action="store_true", help="the targets and everything downstream of them"
    )
    if force:
        command.add_argument(
            "-f", "--force", action="store_true", help="also run stages that are up to date"
        )


def add_flags(command: argparse.ArgumentParser, *, pull: str) -> None:
    """Add the options that change what runs, and so also the forecast; `pull` is a help text."""
    command.add_argument(
        "--force-downstream",
        action="store_true",
        help="also run all stages downstream of a stage that runs",
    )
    command.add_argument(
        "--no-run-cache",
        action="store_true",
        help="run commands even if the result of an earlier run with the same inputs is known",
    )
    command.add_argument(
        "--allow-missing",
        action="store_true",
        help="skip a stage if only its data are missing and nothing else has changed",
    )
    command.add_argument(
        "--pull",
        action="store_true",
        help=pull,
    )


def add_verbosity(command: argparse.ArgumentParser) -> None:
    """Add how much is printed."""
    amount = command.add_mutually_exclusive_group()
    amount.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="print only errors, and what commands of stages print",
    )
    amount.add_argument(
        "-v", "--verbose", action="store_true", help="also list the stages that are up to date"
    )


def add_fuse(command: argparse.ArgumentParser, default: str | None, text: str) -> None:
    """Add how stages are grouped into tasks; `text` is about the default."""
    command.add_argument(
        "--fuse",
        choices=("none", "chains", "auto"),
        default=default,
        help=f"how stages are grouped into tasks; {text}",
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Add which engine is meant."""
    command.add_argument(
        "--engine",
        metavar="NAME",
        help="argo, processes or slurm; default: the one in dvc-bridge.yaml",
    )


def add_wait(command: argparse.ArgumentParser) -> None:
    """Add whether to wait for the run, and how to show it."""
    command.add_argument(
        "--wait", action="store_true", help="wait for the run, then merge its results"
    )
    command.add_argument(
        "--plain", action="store_true", help="print plain lines, also on a terminal"
    )


def add_follow(command: argparse.ArgumentParser) -> None:
    """Add what programs need to follow a run."""
    command.add_argument(
        "--events",
        metavar="FILE",
        help="write an event per line as JSON to FILE; - writes them to standard output, and"
        " nothing else",
    )
    command.add_argument(
        "--on-end",
        metavar="COMMAND",
        help="run a shell command at the end, with the outcome in its environment",
    )


def day_count(text: str) -> int:
    """Return a number of days, from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of days")
    return int(text)


def job_count(text: str) -> int:
    """Return a number of jobs, from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 upwards")
    return int(text)


def add_run(command: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """Declare the name of a run as an argument."""
    command.add_argument(
        "run_name", metavar="RUN", nargs=nargs, help="name of the run, as printed by submit"
    )
