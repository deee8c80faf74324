"""Handling of Ctrl-C and similar signals, so that they do not interrupt a run at any point."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dvc_bridge.errors import StoppedError
from dvc_bridge.local.process import Interrupted, Processes
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.ui.view import View

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def forward_signals(put: Callable[[Interrupted], object]) -> Iterator[None]:
    """Call `put` for every signal that asks this process to end."""

    def forward(signum: int, _: Any) -> None:
        put(Interrupted(signum))

    with _handle_signals(forward):
        yield


def stop_commands(
    processes: Processes, view: View, signum: int, running: int, *, is_repeated: bool
) -> None:
    """Pass a signal on to the commands, and tell the user; the second signal kills them.

    Parameters
    ----------
    running
        How many stages run.
    is_repeated
        Whether it is not the first signal.
    """
    count = counted(running, "stage")
    stopping = f"stopping {count}; a second signal kills them"
    view.note(f"killing {count}" if is_repeated else stopping)
    processes.stop(signum, kill=is_repeated)


@contextmanager
def raised() -> Iterator[None]:
    """Raise `StoppedError` for every such signal, for work that may stop at any point."""

    def stop(signum: int, _: Any) -> None:
        raise StoppedError(signum, kept=False)

    with _handle_signals(stop):
        yield


@contextmanager
def _handle_signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    previous = {signum: signal.signal(signum, handler) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, previous_handler in previous.items():
            signal.signal(signum, previous_handler)
