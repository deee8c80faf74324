"""The table below the output of a live view: the running stages, and the progress of the run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.planning.remaining_time import remaining_s

SHOWN_RUNNING = 8
BAR = range(6, 25)  # columns
# How often to estimate the remaining time again: the estimate visits every stage.
ESTIMATE_S = 1.0
STYLES = {
    Outcome.RAN: "green",
    Outcome.RESTORED: "cyan",
    Outcome.UNCHANGED: "dim",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "yellow",
}


class ProgressTable:
    """The state of a run as a few lines, none of them wider than the terminal.

    Parameters
    ----------
    names
        The addresses of the stages, by row.
    followers
        For each stage, the rows of the stages that wait for it, which are larger.
    seconds
        How long the commands of some stages duration earlier.
    jobs
        How many commands run at a time.
    """

    def __init__(
        self,
        names: Sequence[str],
        followers: Sequence[Sequence[Row]],
        seconds: Mapping[str, float],
        jobs: int,
    ) -> None:
        self._names, self._followers = names, followers
        self._expected, self._jobs = seconds, jobs
        self._started_at: dict[int, float] = {}
        self._passing: dict[int, str] = {}
        self._fetching = ""
        self._remaining = set(range(len(names)))
        self._counts: Counter[Outcome] = Counter()
        self._estimate: tuple[float, float | None] = (0.0, None)
        self._lock = Lock()

    def started(self, row: Row) -> None:
        """Record that the stage's command runs."""
        with self._lock:
            self._started_at[row] = time.monotonic()

    def passing(self, row: Row, text: str) -> None:
        """Show the text next to the name of the stage until the next text."""
        self._passing[row] = text

    def fetching(self, text: str) -> None:
        """Show the progress of a download until the next text; empty: there is none."""
        self._fetching = text

    def ended(self, row: Row, outcome: Outcome) -> float | None:
        """Count the stage; return how long its command ran, or None if none ran."""
        with self._lock:
            started_at = self._started_at.pop(row, None)
            self._passing.pop(row, None)
            self._remaining.discard(row)
            self._counts[outcome] += 1
        return None if started_at is None else time.monotonic() - started_at

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table."""
        now = time.monotonic()
        with self._lock:
            running = sorted(self._started_at.items(), key=lambda item: item[1])
            remaining, counts = len(self._remaining), self._counts.copy()
            if now - self._estimate[0] > ESTIMATE_S:
                self._estimate = now, self._remaining_s(now)
        yield from self._running_lines(running, now, options.max_width)
        if self._fetching:
            yield Text(f"download  {self._fetching}", no_wrap=True, overflow="ellipsis")
        yield self._summary_line(remaining, len(running), counts, options.max_width)

    def _running_lines(
        self, running: Sequence[tuple[int, float]], now: float, width: int
    ) -> Iterator[Text]:
        visible = running[:SHOWN_RUNNING]
        times = [clock(now - start) + self._expected_time(row) for row, start in visible]
        column = max(map(len, times), default=0)
        for (row, _), duration in zip(visible, times, strict=True):
            head = f"running  {duration:<{column}}  "
            name = crop(self._names[row], max(5, width - len(head)))
            parts = [(head[:9], "bold"), (head[9:], "dim"), (name, "")]
            if text := self._passing.get(row):
                parts.append((f"  {text}", "dim"))
            yield Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
        if more := len(running) - len(visible):
            yield Text(f"         and {more} more", style="dim")

    def _expected_time(self, row: int) -> str:
        expected = self._expected.get(self._names[row])
        return f" of {clock(expected)}" if expected else ""

    def _summary_line(
        self, remaining: int, running: int, counts: Counter[Outcome], width: int
    ) -> Table | Text:
        total, waiting, rest = len(self._names), remaining - running, self._estimate[1]
        parts: list[str | tuple[str, str]] = [f"{total - remaining}/{total}"]
        if rest is not None and rest >= 1:
            # Waiting stages may turn out to be unchanged.
            parts.append(f"  {'up to' if waiting else 'about'} {clock(round(rest))} left")
        counted = [(f"  {counts[o]} {o.text}", STYLES[o]) for o in Outcome if counts[o]]
        counted.sort(key=lambda part: part[1] != STYLES[Outcome.FAILED])
        parts += [*counted, (f"  {waiting} waiting", "dim")] if waiting else counted
        text = Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
        columns = min(width - text.cell_len - 2, BAR[-1])
        if columns not in BAR:
            return text
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(max(1, total), total - remaining, width=columns), text)
        return line

    def _remaining_s(self, now: float) -> float | None:
        """Return the remaining time; None if most of the remaining stages were never timed."""
        names, durations = self._names, self._expected
        if (
            sum(names[p] in durations for p in self._remaining) * 2 < len(self._remaining)
            or not self._remaining
        ):
            return None
        elapsed = {row: now - start for row, start in self._started_at.items()}
        remaining = {row: durations.get(names[row]) for row in sorted(self._remaining)}
        return remaining_s(remaining, self._followers, elapsed, self._jobs)


def clock(seconds: float) -> str:
    """Return a duration as readable text: 4.2 s, 34 s, 2:05, 1:02:05."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def crop(name: str, width: int) -> str:
    """Return a name in at most `width` columns (5 or more); a longer name loses its middle."""
    if cell_len(name) <= width:
        return name
    head = chop_cells(name, width // 2)[0]
    tail = chop_cells(name[::-1], (width - 1) // 2)[0][::-1]
    return f"{head}…{tail}"
