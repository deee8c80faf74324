"""The progress of a transfer in bytes, for the callbacks of fsspec."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

# Receives the number of bytes that have arrived since its last call, in any thread.
Progress = Callable[[int], object]


def running_total(total: int, show: Callable[[int, int], None]) -> Progress:
    """Return what adds up the bytes of a download, and shows the sum and the expected total."""
    done, lock = 0, Lock()

    def add(arrived: int) -> None:
        nonlocal done
        with lock:
            done += arrived
            if done < total:
                show(done, total)

    return add


def byte_callback(progress: Progress | None) -> Any:
    """Return a callback for a transfer of several files, which counts the bytes of all of them."""
    from fsspec.callbacks import DEFAULT_CALLBACK, Callback  # noqa: PLC0415  the caller has DVC

    if progress is None:
        return DEFAULT_CALLBACK
    report: Progress = progress

    class OfFile(Callback):  # type: ignore[misc]
        def relative_update(self, inc: int = 1) -> None:
            report(inc)

        def absolute_update(self, value: int) -> None:
            report(value - self.value)
            self.value: int = value

    class OfTransfer(Callback):  # type: ignore[misc]
        def branched(self, path_1: str, path_2: str, **kwargs: Any) -> OfFile:
            del path_1, path_2, kwargs
            return OfFile()

    return OfTransfer()
