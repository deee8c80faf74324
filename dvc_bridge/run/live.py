"""The view of a run on a terminal: output scrolls by above what runs, waits and is left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from threading import Lock

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dvc_bridge.run.outcome import Outcome

SHOWN_RUNNING = 8
STYLES = {
    Outcome.RAN: "green",
    Outcome.RESTORED: "cyan",
    Outcome.UNCHANGED: "dim",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "yellow",
}


class LiveView:
    """Implements `run.view.View`.

    Parameters
    ----------
    jobs
        How many commands run at a time, for the time that is left.
    """

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        self._console = console or Console()
        self._jobs = jobs
        self._names: Sequence[str] = ()
        self._expected: Mapping[str, float] = {}
        self._begun: dict[int, float] = {}
        self._left: set[int] = set()
        self._counts: Counter[Outcome] = Counter()
        self._lock = Lock()

    @contextmanager
    def shown(self, names: Sequence[str], seconds: Mapping[str, float]) -> Iterator[None]:
        """Draw for the time of a run, four times a second; nothing is left but what scrolled by."""
        self._names, self._expected = names, seconds
        self._left = set(range(len(names)))
        with Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def started(self, place: int) -> None:
        """The stage's command runs."""
        with self._lock:
            self._begun[place] = time.monotonic()

    def line(self, place: int, text: str) -> None:
        """Scroll it by behind the stage's name."""
        shown = Text.assemble((f"{self._names[place]} | ", "dim"), Text.from_ansi(text))
        self._console.print(shown, soft_wrap=True)

    def ended(self, place: int, outcome: Outcome) -> None:
        """Say how, unless nothing happened."""
        with self._lock:
            begun = self._begun.pop(place, None)
            self._left.discard(place)
            self._counts[outcome] += 1
        if outcome is not Outcome.UNCHANGED:
            took = f" {_clock(time.monotonic() - begun)}" if begun is not None else ""
            said = (f"{outcome.value}{took}", STYLES[outcome])
            self._console.print(Text.assemble(said, f"  {self._names[place]}"), soft_wrap=True)

    def note(self, text: str) -> None:
        """Scroll it by."""
        self._console.print(Text(text, style="bold"), soft_wrap=True)

    def _draw(self) -> Group:
        with self._lock:
            running = sorted(self._begun.items(), key=lambda item: item[1])
            left, counts = len(self._left), self._counts.copy()
            remaining = self._remaining_s(dict(running))
        done = len(self._names) - left
        bar = Table.grid(padding=(0, 1))
        counted = [(f"{counts[o]} {o.value}", STYLES[o]) for o in Outcome if counts[o]]
        waiting = left - len(running)
        parts: list[str | tuple[str, str]] = [f"{done}/{len(self._names)}"]
        for part in (*counted, *([(f"{waiting} waiting", "dim")] if waiting else ())):
            parts += ["  ", part]
        if remaining is not None:
            parts.append(f"  about {_clock(remaining)} left")
        bar.add_row(
            ProgressBar(total=max(1, len(self._names)), completed=done, width=24),
            Text.assemble(*parts, no_wrap=True, overflow="ellipsis"),
        )
        return Group(*self._running_lines(running), bar)

    def _running_lines(self, running: Sequence[tuple[int, float]]) -> list[Text]:
        now = time.monotonic()
        lines = []
        for place, begun in running[:SHOWN_RUNNING]:
            name = self._names[place]
            expected = self._expected.get(name)
            of = f" of {_clock(expected)}" if expected else ""
            lines.append(
                Text.assemble(
                    ("running  ", "bold"),
                    name,
                    (f"  {_clock(now - begun)}{of}", "dim"),
                    no_wrap=True,
                    overflow="ellipsis",
                )
            )
        if len(running) > SHOWN_RUNNING:
            lines.append(Text(f"         and {len(running) - SHOWN_RUNNING} more", style="dim"))
        return lines

    def _remaining_s(self, running: Mapping[int, float]) -> float | None:
        """Work left over the jobs, from earlier durations; None where there are none."""
        known = [self._expected[name] for name in self._names if name in self._expected]
        if not known or not self._left:
            return None
        usual, now = median(known), time.monotonic()
        left = {p: self._expected.get(self._names[p], usual) for p in self._left}
        for place, begun in running.items():
            left[place] = max(0.0, left.get(place, usual) - (now - begun))
        longest = max((left[p] for p in running if p in left), default=0.0)
        return max(sum(left.values()) / self._jobs, longest)


def _clock(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
