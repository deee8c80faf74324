"""The commands of stages as child processes: one thread each, nothing of DVC in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

from dvc_bridge.dvcio.stage import Command


@dataclass(frozen=True)
class Ended:
    """A stage's command has ended; `failed` is the line that did not end with 0."""

    position: int
    code: int
    failed: str = ""


class Processes:
    """Starts commands and reports their end in `ended`."""

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self.ended: SimpleQueue[Ended] = SimpleQueue()
        self._show = show

    def start(self, position: int, command: Command) -> None:
        """Run the stage's shells one after the other in a thread."""
        Thread(target=self._run, args=(position, command), daemon=True).start()

    def _run(self, position: int, command: Command) -> None:
        for line, argv in zip(command.lines, command.argv, strict=True):
            child = subprocess.Popen(
                argv,
                cwd=command.cwd,
                env=command.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for raw in child.stdout or ():
                self._show(position, raw.decode(errors="replace").rstrip("\n"))
            if code := child.wait():
                self.ended.put(Ended(position, code, line))
                return
        self.ended.put(Ended(position, 0))
