"""Servers of a test cluster that run as processes on this machine, found by a pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest


class Server:
    """A server.

    Parameters
    ----------
    variable
        The environment variable with the path of the pid file; without it, the test is skipped.
    """

    def __init__(self, variable: str) -> None:
        if not os.environ.get(variable):
            pytest.skip(f"needs {variable}")
        self._file = Path(os.environ[variable])

    def restart(self, away_s: float) -> None:
        """Kill the server, and start it again with the same command after `away_s` seconds."""
        process = psutil.Process(int(self._file.read_text()))
        command, env, folder = process.cmdline(), process.environ(), process.cwd()
        priority = process.nice()
        env["SERVER_LOG"] = str(Path(f"/proc/{process.pid}/fd/1").readlink())
        process.kill()
        process.wait()
        time.sleep(away_s)
        start = '"$@" >>"$SERVER_LOG" 2>&1 </dev/null & echo $!'
        done = subprocess.run(
            ["sh", "-c", start, "sh", *command],
            cwd=folder,
            env=env,
            check=True,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        psutil.Process(int(done.stdout)).nice(priority)
        self._file.write_bytes(done.stdout)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Suspend the server during the context, with its connections open."""
        pid = int(self._file.read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
