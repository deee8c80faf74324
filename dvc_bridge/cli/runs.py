"""`dvc-bridge status`, `logs` and `stop`: commands for the runs of an engine."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from dvc_bridge.app.runs import list_runs, read_logs, run_status, stop_run, task_failures
from dvc_bridge.cli.options import add_engine, add_run
from dvc_bridge.ui.status_text import run_json, run_text, runs_json, runs_text


def declare_status(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge status`."""
    add_run(command, nargs="?")
    add_engine(command)
    command.add_argument("--json", action="store_true", help="machine-readable output")
    command.set_defaults(run=status_command)


def declare_stop(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge stop`."""
    add_run(command)
    add_engine(command)
    command.set_defaults(run=stop_command)


def declare_logs(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge logs`."""
    add_run(command)
    add_engine(command)
    command.add_argument("stage", nargs="?", metavar="STAGE", help="show only this stage")
    command.add_argument(
        "-f", "--follow", action="store_true", help="wait for more until the run ends"
    )
    command.set_defaults(run=logs_command)


def status_command(args: Namespace) -> int:
    """Print all runs, or the tasks of one run."""
    now = datetime.now(UTC)
    if args.run_name is None:
        runs = list_runs(args.engine)
        print(_json(runs_json(runs)) if args.json else runs_text(runs, now))
        return 0
    status = run_status(args.run_name, args.engine)
    if args.json:
        failures = task_failures(status, args.engine)
        print(_json(run_json(status, {n: (f.stages, f.lines) for n, f in failures.items()})))
    else:
        print(run_text(status, now))
    return 0


def logs_command(args: Namespace) -> int:
    """Print the output of the stages of a run, or of one stage."""
    for line in read_logs(args.run_name, args.stage, follow=args.follow, engine=args.engine):
        if line.is_note:
            print(f"dvc-bridge: g{line.task}: {line.text}", file=sys.stderr, flush=True)
        else:
            print(line.text, flush=True)
    return 0


def stop_command(args: Namespace) -> int:
    """Stop a run; finished results are kept."""
    run = args.run_name
    was_running = stop_run(run, args.engine)
    print(f"{run} is stopping" if was_running else f"{run} had already ended")
    print(f"next: dvc-bridge collect {run}")
    return 0


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
