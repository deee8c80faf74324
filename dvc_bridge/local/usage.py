"""What a process used, from the kernel's accounting when it is reaped.

`wait4` reports the child and every process that the child itself waited for, as
`/usr/bin/time -v` does. It costs nothing besides the wait, and it misses no short peak.
"""

from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvc_bridge.pipeline.trace import Usage

_STATUS = Path("/proc/self/status")
_BLOCK_BYTES = 512  # the unit of ru_inblock and ru_oublock
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss


class MeasuredChild:
    """A child process that only this object reaps.

    Attributes
    ----------
    usage
        What the child used; None before its end.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self.usage: Usage | None = None

    def poll(self) -> bool:
        """Return whether the child has ended."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Wait for the end of the child; return its exit code, negative after a signal."""
        self._reap(0)
        return int(self._process.returncode)

    @contextmanager
    def registered(self, poll: select.poll) -> Iterator[None]:
        """Let `poll` return when the child ends; without kernel support, do nothing."""
        if not hasattr(os, "pidfd_open"):  # macOS
            yield
            return
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            yield
            return
        try:
            poll.register(descriptor, select.POLLIN)
            yield
        finally:
            os.close(descriptor)

    def _reap(self, options: int) -> bool:
        if self._process.returncode is not None:
            return True
        pid, status, usage = os.wait4(self.pid, options)
        if not pid:
            return False
        # Popen would warn about a child that it has not reaped itself.
        self._process.returncode = os.waitstatus_to_exitcode(status)
        peak_bytes = usage.ru_maxrss * _RSS_UNIT_BYTES
        self.usage = Usage(
            round(usage.ru_utime, 6),
            round(usage.ru_stime, 6),
            peak_bytes,
            _may_be_inherited(peak_bytes),
            usage.ru_inblock * _BLOCK_BYTES,
            usage.ru_oublock * _BLOCK_BYTES,
        )
        return True


class MeasuredBody:
    """Python code of this process, from the creation of this object on."""

    def __init__(self) -> None:
        self._before = _resources()

    def usage(self) -> Usage:
        """Return what the code used, with the processes that it started and waited for.

        The peak is that of this whole process: an upper limit if it was as high before.
        """
        before, after = self._before, _resources()
        peaks = [max(part.ru_maxrss for part in parts) for parts in (before, after)]
        return Usage(
            _difference(before, after, "ru_utime"),
            _difference(before, after, "ru_stime"),
            peaks[1] * _RSS_UNIT_BYTES,
            peaks[1] <= peaks[0],
            int(_difference(before, after, "ru_inblock")) * _BLOCK_BYTES,
            int(_difference(before, after, "ru_oublock")) * _BLOCK_BYTES,
        )


_Resources = tuple[resource.struct_rusage, resource.struct_rusage]


def _resources() -> _Resources:
    return resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)


def _difference(before: _Resources, after: _Resources, name: str) -> float:
    totals = [sum(float(getattr(part, name)) for part in parts) for parts in (before, after)]
    return round(totals[1] - totals[0], 6)


_own_peak_bytes = 0


def _may_be_inherited(peak_bytes: int) -> bool:
    """Return whether a child's peak may be that of this process, which the kernel adds to it."""
    global _own_peak_bytes  # noqa: PLW0603  it only grows, so that few children read the file
    if peak_bytes > _own_peak_bytes:
        with suppress(OSError, StopIteration), _STATUS.open("rb") as status:
            line = next(line for line in status if line.startswith(b"VmHWM:"))
            _own_peak_bytes = int(line.split()[1]) * _RSS_UNIT_BYTES
    return peak_bytes <= _own_peak_bytes
