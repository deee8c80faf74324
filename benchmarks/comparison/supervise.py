"""Run a command and measure it with everything that it starts: `supervise.py TIMEOUT_S LOG -- ...`.

Prints JSON: start on the monotonic clock, wall and CPU seconds, peak memory of the largest process
in MB, exit code. Orphans become children of this process, which ends them when the command has
ended, or when it is itself interrupted or loses its parent: no daemon of a toolchain outlives its
measurement, and its CPU is counted.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_GRACE_S = 3.0
TIMED_OUT = 124


def main(arguments: list[str]) -> int:
    """Measure a command, print the measurement."""
    timeout_s, log, command = float(arguments[0]), arguments[1], arguments[3:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    system = ctypes.CDLL(None)
    system.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    system.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        start_s, wall_s, exit_code = run(command, log, timeout_s)
    finally:
        end_descendants()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    measurement = {
        "start_s": start_s,
        "wall_s": wall_s,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "exit_code": exit_code,
    }
    print(json.dumps(measurement))
    return 0


def run(command: list[str], log: str, timeout_s: float) -> tuple[float, float, int]:
    """Run a command; return when it started, its wall seconds and its exit code."""
    with Path(log).open("ab") as output:
        start_s = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        # `process.wait(timeout_s)` looks every 50 ms, which is longer than some commands take.
        descriptor = os.pidfd_open(process.pid)
        has_ended = bool(select.select([descriptor], [], [], timeout_s)[0])
        wall_s = time.monotonic() - start_s
        os.close(descriptor)
        code = process.wait() if has_ended else TIMED_OUT
        exit_code = code if code >= 0 else 128 - code  # of a signal, as a shell says it
        return start_s, wall_s, exit_code


def end_descendants() -> None:
    """End all processes below this one, first politely, and collect their usage."""
    deadline_s = time.monotonic() + _GRACE_S
    sent = signal.SIGTERM
    while pids := descendants(os.getpid()):
        for pid in pids:
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
        reap()
        if time.monotonic() > deadline_s:
            sent = signal.SIGKILL
    reap()


def reap() -> None:
    """Collect all children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def descendants(root: int) -> list[int]:
    """Return the processes below one, from /proc, without zombies."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, rest = [], [root]
    while rest:
        below = children.get(rest.pop(), [])
        found += below
        rest += below
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
