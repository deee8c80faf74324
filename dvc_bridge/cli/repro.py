"""`dvc-bridge repro`: run stages on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_bridge.app.repro import default_jobs, repro, verify
from dvc_bridge.cli.follow import STANDARD_OUTPUT, events_to
from dvc_bridge.cli.options import add_flags, add_follow, add_stages, add_verbosity, job_count
from dvc_bridge.cli.stage_arguments import flags_of, selection_of
from dvc_bridge.cli.terminal import confirm, view_for
from dvc_bridge.dvcio.dvc_version import check_version, is_installed
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.errors import (
    BridgeError,
    DifferenceError,
    GraphError,
    IntegrityError,
    StageFailedError,
    StoppedError,
    UsageError,
    VersionMismatchError,
)
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.pipeline.settings_file import FILE

if TYPE_CHECKING:
    from dvc_bridge.verify.reproducible import Verified


def declare_repro(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge repro`."""
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
    command.set_defaults(run=repro_command, json=False, check=False)


def repro_command(args: Namespace) -> int:
    """Run the selected stages on this machine."""
    if args.events is not None and (args.dry or args.check_against_dvc):
        option = "--dry" if args.dry else "--check-against-dvc"
        raise UsageError(f"there are no events with {option}", "leave out --events")
    if args.dry:
        from dvc_bridge.cli.plan import plan_command  # noqa: PLC0415  a run does not need it

        return plan_command(args)
    try:
        check_version()
    except VersionMismatchError as exc:
        if args.verify or args.check_against_dvc or not is_installed():
            raise
        return _run_dvc_instead(args, exc)
    args.jobs = args.jobs or default_jobs()
    if args.check_against_dvc:
        return _check(args)
    selection, flags = selection_of(args), flags_of(args)
    # The live view would hide the questions of -i.
    plain = args.plain or args.interactive
    with events_to(args, "stage") as with_events:
        view = with_events(
            lambda: view_for(args.jobs, plain=plain, quiet=args.quiet, every=args.verbose)
        )
        if args.verify:
            return _report_verification(verify(selection, view))
        try:
            summary = repro(selection, flags, view, confirm)
        except GraphError as exc:
            # DVC does not check the graph for stages that are selected with -s.
            if not selection.alone:
                raise
            return _run_dvc_instead(args, exc)
    if not args.quiet and args.events != STANDARD_OUTPUT:
        print(summary)
    return _report(summary, ignore_errors=args.ignore_errors)


def _report(summary: Summary, *, ignore_errors: bool) -> int:
    if summary.interrupted:
        raise StoppedError(summary.interrupted)
    failed = [] if ignore_errors else summary.of(Outcome.FAILED)
    if failed:
        logs = find_project().shown(".dvc/tmp/dvc-bridge/logs")
        raise _failure({address: summary.errors[address] for address in failed}, logs)
    return 0


def _failure(errors: Mapping[str, BridgeError], logs: str) -> BridgeError:
    """Return one error for all failed stages, of the most serious kind among them."""
    log_hint = f"what the commands printed is in {logs}; correct them and run again"
    fixes = [log_hint if isinstance(e, StageFailedError) else e.fix for e in errors.values()]
    kinds = (IntegrityError, StageFailedError, UsageError)
    kind = next(k for k in kinds if any(isinstance(e, k) for e in errors.values()))
    return kind(
        "\n".join(f"{address}: {error.message}" for address, error in errors.items()),
        "\n".join(dict.fromkeys(filter(None, fixes))),
    )


def _report_verification(verified: Verified) -> int:
    print(verified)
    if verified.found:
        raise DifferenceError(
            "\n".join(f"{a}: {text}" for a, texts in verified.found.items() for text in texts),
            "declare what these stages read as deps, or give those that share files a mutex"
            f" in {FILE}",
        )
    return 0


def _check(args: Namespace) -> int:
    from dvc_bridge.verify.against_dvc import check_against_dvc  # noqa: PLC0415  not for every run

    report = check_against_dvc(Path.cwd(), [*_dvc_arguments(args), "-j", str(args.jobs)])
    print(report)
    if not report.equal:
        raise DifferenceError(
            "dvc-bridge did not end where dvc repro did",
            "if dvc-bridge repro --verify finds nothing wrong with the stages, please report this",
        )
    return 0


def _run_dvc_instead(args: Namespace, why: BridgeError) -> int:
    """Replace this process by `dvc repro`: slower, but correct; signals and exit code are DVC's.

    With --on-end, this process waits for `dvc repro` and returns its exit code.
    """
    problem = why.message.replace("\n", "; ")
    print(f"dvc-bridge: {problem}; running plain `dvc repro` instead", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "dvc", "repro", *_dvc_arguments(args)]
    if args.events == STANDARD_OUTPUT:  # which has nothing but events; DVC has none
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if not args.on_end:
        os.execv(command[0], command)  # noqa: S606  no shell
    code = subprocess.run(command, check=False).returncode
    return code if code >= 0 else 128 - code


def _dvc_arguments(args: Namespace) -> list[str]:
    """Return the arguments for `dvc repro`."""
    flags = {
        "--single-item": args.single_item,
        "--all-pipelines": args.all_pipelines,
        "--downstream": args.downstream,
        "--pipeline": args.pipeline,
        "--recursive": args.recursive,
        "--glob": args.glob,
        "--force": args.force,
        "--keep-going": args.keep_going,
        "--ignore-errors": args.ignore_errors,
        "--force-downstream": args.force_downstream,
        "--allow-missing": args.allow_missing,
        "--pull": args.pull,
        "--no-run-cache": args.no_run_cache,
        "--no-commit": args.no_commit,
        "--interactive": args.interactive,
        "--quiet": args.quiet,
        "--verbose": args.verbose,
    }
    return [*(flag for flag, is_set in flags.items() if is_set), *args.targets]
