"""A `dvc-bridge` client under faults, and the conditions that must hold afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dvc_bridge.verify.equality import Difference, differences
from dvc_bridge.verify.project_state import project_state

PATIENCE_S = 600.0
# Exit codes for expected errors: 5 is a bug, 75 a store that does not respond.
ORDERLY = (1, 2, 3, 4, 75)
_RUN = re.compile(r"^run (\S+):", re.MULTILINE)
_count = iter(range(1_000_000))


class Client:
    """`dvc-bridge ARGS`; at the end of the context, it is killed if it still runs.

    Parameters
    ----------
    root
        The project.
    """

    def __init__(self, root: Path, *args: str) -> None:
        self._output = root.with_name(f"{root.name}-{next(_count)}.log")
        with self._output.open("w") as output:
            command = [sys.executable, "-m", "dvc_bridge", *args]
            self._child = subprocess.Popen(
                command, cwd=root, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def printed(self) -> str:
        """The output so far, including errors."""
        return self._output.read_text()

    @property
    def run(self) -> str | None:
        """The run's name, once there is one."""
        match = _RUN.search(self.printed)
        return match[1] if match else None

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def until(self, is_so: Callable[[], object]) -> bool:
        """Wait until `is_so` returns true or the client ends; return whether it is true."""
        end = time.monotonic() + PATIENCE_S
        while self.lives:
            if is_so():
                return True
            assert time.monotonic() < end, self.printed
            time.sleep(0.05)
        return bool(is_so())

    def kill(self) -> None:
        """Kill the client, as a power loss does."""
        self._child.kill()
        self._child.wait()

    def ended(self) -> int:
        """Wait for its end; return the exit code."""
        return self._child.wait(PATIENCE_S)


def assert_ends_well(
    root: Path, client: Client, repair: Callable[[], object] = lambda: None
) -> None:
    """Check that the project equals `dvc repro`, or that a second command fixes a clear failure.

    Parameters
    ----------
    repair
        What an administrator of the cluster does while the second command waits.
    """
    if code := client.ended():
        assert code in ORDERLY, client.printed
        assert "Traceback" not in client.printed, client.printed
        assert "fix: " in client.printed, client.printed
        with Client(root, "submit", "--wait") as second:
            second.until(repair)
            assert second.ended() == 0, second.printed
    assert_as_dvc(root)


def submitted(root: Path, *arguments: str) -> str:
    """Run `dvc-bridge submit --wait`, check that it succeeds, and return its output."""
    with Client(root, "submit", "--wait", *arguments) as client:
        assert client.ended() == 0, client.printed
        return client.printed


def assert_as_dvc(root: Path) -> None:
    """Check that the project equals its sibling `dvc` after `dvc repro` without sleeps."""
    found = list(map(str, differences_to_dvc(root)))
    assert not found, "\n".join(found)
    status = dvc(root, "status")
    assert "up to date" in status, status


def differences_to_dvc(root: Path) -> list[Difference]:
    """Return the differences from the sibling project `dvc` after `dvc repro`."""
    sibling = root.with_name("dvc")
    dvc(sibling, "repro", "--quiet")
    expected = project_state(sibling, sibling / ".dvc" / "cache")
    return list(differences(expected, project_state(root, root / ".dvc" / "cache")))


def dvc(root: Path, *arguments: str) -> str:
    """Run dvc with stages that do not sleep, and check that it succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env={**os.environ, "PACE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
