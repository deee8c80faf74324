"""`--events` and `--on-end`: let programs follow a run, and tell them how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.ui.view import View

STANDARD_OUTPUT = "-"


@contextmanager
def events_to(target: str | None, unit: str) -> Iterator[Callable[[Callable[[], View]], View]]:
    """Open the file of `--events`, and yield a function that adds its events to a view.

    Parameters
    ----------
    target
        The argument of the option; None: it was not given.
    unit
        What a row of the view is: `stage` or `task`.

    Raises
    ------
    UsageError
        The file cannot be written; nothing has run.
    """
    if target is None:
        yield lambda make: make()
        return
    from dvc_bridge.ui.events_view import EventsView  # noqa: PLC0415  few runs have events

    if target == STANDARD_OUTPUT:
        yield lambda _: EventsView(sys.stdout, unit, None)
        return
    with _opened(target) as file:
        yield lambda make: EventsView(file, unit, make())


def _opened(target: str) -> IO[str]:
    try:
        return Path(target).open("w", encoding="utf-8")
    except OSError as exc:
        raise UsageError(
            f"cannot write {target}: {exc.strerror}", "name another file with --events"
        ) from exc


def tell_end(command: str, name: str, code: int, message: str, since: float) -> None:
    """Run the command of `--on-end`; its own failure does not change the outcome of the run.

    Parameters
    ----------
    name
        The command of dvc-bridge.
    code
        Its exit code.
    message
        Its error; empty if there is none.
    since
        When it began, in seconds since 1970.
    """
    outcome = "succeeded" if code == 0 else "stopped" if code > 128 else "failed"
    variables = {
        "DVC_BRIDGE_COMMAND": name,
        "DVC_BRIDGE_OUTCOME": outcome,
        "DVC_BRIDGE_EXIT_CODE": str(code),
        "DVC_BRIDGE_MESSAGE": message,
        **_about_run(since),
    }
    shell = ["/bin/sh", "-c", command]
    env = {**os.environ, **variables}
    done = subprocess.run(shell, env=env, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        how = _exit_text(done.returncode)
        print(f"dvc-bridge: the command of --on-end {how}", file=sys.stderr)


def _about_run(since: float) -> dict[str, str]:
    """Return the name of the run that began since then, and its failed stages."""
    from dvc_bridge.dvcio.project import find_project  # noqa: PLC0415  few runs have --on-end
    from dvc_bridge.local.trace_file import read_trace  # noqa: PLC0415

    try:
        trace = read_trace(find_project())
    except BridgeError:
        return {}
    if (trace.ended or trace.started) < since:
        return {}
    failed = [stage.address for stage in trace.stages if stage.outcome == "failed"]
    return {"DVC_BRIDGE_RUN": trace.run, "DVC_BRIDGE_FAILED": "\n".join(failed)}


def _exit_text(code: int) -> str:
    if code < 0:
        return f"was terminated by {signal.Signals(-code).name}"
    return f"exited with {code}"
