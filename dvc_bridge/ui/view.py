"""What a person sees of a run: plain lines; `run.live` has the moving one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Protocol, TextIO

from dvc_bridge.pipeline.outcome import Outcome


class View(Protocol):
    """Is told of everything that happens; `line` and `passing` may come from any thread."""

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[int]],
    ) -> Iterator[None]:
        """Show for the time of a run.

        Parameters
        ----------
        names
            The addresses, by place.
        seconds
            How long the commands of some of them took earlier.
        followers
            For each place, the places that wait for it.
        """

    def started(self, place: int) -> None:
        """The stage's command runs."""

    def line(self, place: int, text: str) -> None:
        """The stage has printed a line."""

    def passing(self, place: int, text: str) -> None:
        """The stage shows a line that it will write over, as progress bars do."""

    def ended(self, place: int, outcome: Outcome) -> None:
        """The stage's turn is over."""

    def note(self, text: str) -> None:
        """Something of the run as a whole has to be said."""


class PlainView:
    """One line for everything, as a log file wants it; unchanged stages are not named."""

    def __init__(self) -> None:
        self._out = standard_output()
        self._names: Sequence[str] = ()
        self._begun: dict[int, float] = {}
        self._lock = Lock()

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[int]],
    ) -> Iterator[None]:
        """Know the names."""
        del seconds, followers
        self._names = names
        yield

    def started(self, place: int) -> None:
        """Say so."""
        self._begun[place] = time.monotonic()
        self._print(f"{self._names[place]}: running")

    def line(self, place: int, text: str) -> None:
        """Show it behind the stage's name."""
        self._print(f"{self._names[place]} | {text}")

    def passing(self, place: int, text: str) -> None:
        """Wait for what the line becomes."""

    def ended(self, place: int, outcome: Outcome) -> None:
        """Say how, unless nothing happened."""
        if outcome is Outcome.UNCHANGED:
            return
        begun = self._begun.pop(place, None)
        took = f" ({time.monotonic() - begun:.1f} s)" if begun is not None else ""
        self._print(f"{self._names[place]}: {outcome.value}{took}")

    def note(self, text: str) -> None:
        """Say it."""
        self._print(f"dvc-bridge: {text}")

    def _print(self, text: str) -> None:
        with self._lock:
            try:
                print(text, file=self._out, flush=True)
            except BrokenPipeError:
                print_nowhere()


def standard_output() -> TextIO:
    """Return sys.stdout without what DVC's import puts around it.

    colorama drops colours there, which are the commands' own, and fails at a terminal's title.
    """
    colorama = sys.modules.get("colorama.initialise")
    if colorama is not None and sys.stdout is getattr(colorama, "wrapped_stdout", None):
        original: TextIO = colorama.orig_stdout
        return original
    return sys.stdout


def print_nowhere() -> None:
    """Drop what is printed from now on: whoever read it has gone, as with `| head`.

    Neither a run nor its exit code may depend on a reader.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
