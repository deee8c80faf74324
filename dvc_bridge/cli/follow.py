"""`--events` and `--on-end`: let programs follow a run, and tell them how it ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.ui.view import View

STANDARD_OUTPUT = "-"
_STANDARD_ERROR = 2
# The variables that only some ends have.
_OF_A_RUN = ("DVC_BRIDGE_RUN", "DVC_BRIDGE_FAILED")
# Linux refuses a variable of more than 128 KiB.
_MOST_LETTERS = 32_000
# Characters that a variable of the environment cannot have.
_INVALID = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")


@contextmanager
def events_to(args: Namespace, unit: str) -> Iterator[Callable[[Callable[[], View]], View]]:
    """Open the file of `--events`, and yield a function that adds its events to a view.

    The view keeps the name of the run for `--on-end` as `args.began`.

    Parameters
    ----------
    args
        The arguments of the command.
    unit
        What a row of the view is: `stage` or `task`.

    Raises
    ------
    UsageError
        The file cannot be written; nothing has run.
    """

    def note(view: View) -> View:
        return cast("View", _NotingView(view, args)) if args.on_end else view

    target = args.events
    if target is None:
        yield lambda make: note(make())
        return
    from dvc_bridge.ui.events_view import EventsView  # noqa: PLC0415  few runs have events

    if target == STANDARD_OUTPUT:
        yield lambda _: note(EventsView(sys.stdout, unit, None))
        return
    file = _opened(target)
    try:
        yield lambda make: note(EventsView(file, unit, make()))
    finally:
        _close(file, target)


def _opened(target: str) -> IO[str]:
    try:
        return Path(target).open("w", encoding="utf-8")
    except OSError as exc:
        raise UsageError(
            f"cannot write {target}: {exc.strerror}", "name another file with --events"
        ) from exc


def _close(file: IO[str], target: str) -> None:
    """Close the file of `--events`; neither a run nor its exit code may depend on it."""
    try:
        file.close()
    except BrokenPipeError:  # the reader of a named pipe has ended
        pass
    except OSError as exc:
        print(f"dvc-bridge: {target} lacks events: {exc.strerror}", file=sys.stderr)


class _NotingView:
    """A view that keeps the name of the run as `args.began`."""

    def __init__(self, view: View, args: Namespace) -> None:
        self._view, self._args = view, args

    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[Any]],
        run: str = "",
    ) -> AbstractContextManager[None]:
        self._args.began = run
        return self._view.shown(names, seconds, followers, run)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


def tell_end(args: Namespace, code: int, message: str, since: float) -> None:
    """Run the command of `--on-end`; its own failure does not change the outcome of the run.

    Parameters
    ----------
    args
        The arguments of dvc-bridge.
    code
        Its exit code.
    message
        Its error; empty if there is none.
    since
        When it began, in seconds since 1970.
    """
    outcome = "succeeded" if code == 0 else "stopped" if code > 128 else "failed"
    variables = {
        "DVC_BRIDGE_COMMAND": args.command,
        "DVC_BRIDGE_OUTCOME": outcome,
        "DVC_BRIDGE_EXIT_CODE": str(code),
        "DVC_BRIDGE_MESSAGE": message[:_MOST_LETTERS],
        **_about_run(getattr(args, "began", ""), since),
    }
    # This run can itself be part of the command of another.
    others = {name: value for name, value in os.environ.items() if name not in _OF_A_RUN}
    env = {**others, **{name: _INVALID.sub("?", value) for name, value in variables.items()}}
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # its reader has ended
            stream.flush()
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", args.on_end],
            env=env,
            stdin=subprocess.DEVNULL,
            # Events are alone on standard output.
            stdout=_STANDARD_ERROR if args.events == STANDARD_OUTPUT else None,
            check=False,
        )
        how = _exit_text(done.returncode) if done.returncode else ""
    except OSError as exc:
        how = f"cannot run: {exc.strerror}"
    except KeyboardInterrupt:
        how = "was interrupted"
    if how:
        print(f"dvc-bridge: the command of --on-end {how}", file=sys.stderr)


def _about_run(run: str, since: float) -> dict[str, str]:
    """Return the name of the run, and its failed stages if its trace was written since then."""
    if not run:
        return {}
    from dvc_bridge.dvcio.project import find_project  # noqa: PLC0415  few runs have --on-end
    from dvc_bridge.local.trace_file import read_trace, trace_names  # noqa: PLC0415

    try:
        project = find_project()
        if run not in trace_names(project, since):  # it did not wait for the run, or was stopped
            return {"DVC_BRIDGE_RUN": run}
        trace = read_trace(project, run)
    except BridgeError:
        return {"DVC_BRIDGE_RUN": run}
    failed = "\n".join(stage.address for stage in trace.stages if stage.outcome == "failed")
    if len(failed) > _MOST_LETTERS:
        failed = failed[:_MOST_LETTERS].rpartition("\n")[0]
    return {"DVC_BRIDGE_RUN": run, "DVC_BRIDGE_FAILED": failed}


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was terminated by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"was terminated by signal {-code}"
