"""The time limit of a worker, which counts from its own start: an image may take long to pull."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from dvc_bridge.errors import StoppedError
from dvc_bridge.remote_run.worker_contract import OUT_OF_TIME

# How long commands may take to end after SIGTERM; the second signal kills them.
_GRACE_S = 20.0


def within(seconds: float | None, work: Callable[[], int]) -> int:
    """Do the work of a task and return its exit code; `OUT_OF_TIME` if it took too long.

    Parameters
    ----------
    seconds
        None: no limit.
    """
    if seconds is None:
        return work()
    is_late = threading.Event()

    def stop() -> None:
        is_late.set()
        os.kill(os.getpid(), signal.SIGTERM)

    timers = [threading.Timer(delay, stop) for delay in (seconds, seconds + _GRACE_S)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        code = work()
    except StoppedError as error:
        if not is_late.is_set():
            raise
        code = error.exit_code
    finally:
        for timer in timers:
            timer.cancel()
    if is_late.is_set() and code:
        print(f"timeout: this task may run for {seconds:g} s", file=sys.stderr, flush=True)
        return OUT_OF_TIME
    return code
