"""`dvc-bridge` as a client that something happens to while it works, and what must hold then."""

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
# By which dvc-bridge says what went wrong: 5 is a bug, 75 a store that does not answer.
ORDERLY = (1, 2, 3, 4, 75)
_RUN = re.compile(r"^run (\S+):", re.MULTILINE)
_count = iter(range(1_000_000))


class Client:
    """`dvc-bridge ARGS`; on the way out it is killed if it still runs.

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
        """All that it has printed so far, errors too."""
        return self._output.read_text()

    @property
    def run(self) -> str | None:
        """The run's name, once there is one."""
        found = _RUN.search(self.printed)
        return found[1] if found else None

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def until(self, is_so: Callable[[], object]) -> bool:
        """Wait for something or for the end; whether it came to be."""
        end = time.monotonic() + PATIENCE_S
        while self.lives:
            if is_so():
                return True
            assert time.monotonic() < end, self.printed
            time.sleep(0.05)
        return bool(is_so())

    def kill(self) -> None:
        """End it as a machine does that loses its power."""
        self._child.kill()
        self._child.wait()

    def ended(self) -> int:
        """Wait for its end; give the exit code."""
        return self._child.wait(PATIENCE_S)


def assert_ends_well(root: Path, client: Client) -> None:
    """Equal to `dvc repro`, or a clear failure that a second command heals."""
    if code := client.ended():
        assert code in ORDERLY, client.printed
        assert "Traceback" not in client.printed, client.printed
        assert "fix: " in client.printed, client.printed
        submitted(root)
    assert_as_dvc(root)


def submitted(root: Path, *words: str) -> str:
    """Run `dvc-bridge submit --wait`, which must succeed; give what it printed."""
    with Client(root, "submit", "--wait", *words) as client:
        assert client.ended() == 0, client.printed
        return client.printed


def assert_as_dvc(root: Path) -> None:
    """The project is as the one beside it after `dvc repro`, which sleeps nowhere."""
    found = list(map(str, differences_to_dvc(root)))
    assert not found, "\n".join(found)
    status = dvc(root, "status")
    assert "up to date" in status, status


def differences_to_dvc(root: Path) -> list[Difference]:
    """Return how the project differs from the one beside it after `dvc repro`."""
    beside = root.with_name("dvc")
    dvc(beside, "repro", "--quiet")
    expected = project_state(beside, beside / ".dvc" / "cache")
    return list(differences(expected, project_state(root, root / ".dvc" / "cache")))


def dvc(root: Path, *words: str) -> str:
    """Run dvc, which must succeed, with stages that do not sleep."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env={**os.environ, "PACE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
