"""Ctrl-C and its kin, handed to a run instead of ending it in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dvc_bridge.run.process import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handed_to(put: Callable[[Interrupted], object]) -> Iterator[None]:
    """Call `put` for every signal that asks this process to end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return

    def hand(signum: int, _: Any) -> None:
        put(Interrupted(signum))

    before = {signum: signal.signal(signum, hand) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
