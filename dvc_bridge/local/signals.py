"""Ctrl-C and its kin, handed to a run instead of ending it in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dvc_bridge.errors import StoppedError
from dvc_bridge.local.process import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def forward_signals(put: Callable[[Interrupted], object]) -> Iterator[None]:
    """Call `put` for every signal that asks this process to end."""

    def hand(signum: int, _: Any) -> None:
        put(Interrupted(signum))

    with _handled(hand):
        yield


@contextmanager
def raised() -> Iterator[None]:
    """Raise `StoppedError` for every such signal: for work that has nothing to finish."""

    def stop(signum: int, _: Any) -> None:
        raise StoppedError(signum, kept=False)

    with _handled(stop):
        yield


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    before = {signum: signal.signal(signum, handler) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)
