"""The view of a run on a terminal: output scrolls by above what runs, waits and is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Event, Thread

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.progress import STYLES, ProgressTable, clock

# Drawn so often; a stage that prints faster than a terminal takes has to wait.
TICK_S = 0.125
MOST_LINES = 10_000


class LiveView:
    """Implements `run.view.View`.

    One thread draws: rich counts the lines to take back wrongly where several print.

    Parameters
    ----------
    jobs
        How many commands run at a time, for the time that is left.
    """

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        self._console = console or Console()
        self._jobs = jobs
        self._names: Sequence[str] = ()
        self._board = ProgressTable((), (), {}, jobs)
        self._lines: Queue[Text] = Queue(MOST_LINES)
        self._gone = False

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[int]],
    ) -> Iterator[None]:
        """Draw for the time of a run; nothing is left but what scrolled by."""
        self._names = names
        self._board = ProgressTable(names, followers, seconds, self._jobs)
        over = Event()
        live = Live(
            self._board,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        drawer = Thread(target=self._draw, args=(live, over), daemon=True)
        drawer.start()
        try:
            yield
        finally:
            over.set()
            drawer.join()

    def started(self, place: int) -> None:
        """The stage's command runs."""
        self._board.started(place)

    def line(self, place: int, text: str) -> None:
        """Scroll it by behind the stage's name."""
        name = (f"{self._names[place]} | ", "dim")
        self._lines.put(Text.assemble(name, Text.from_ansi(text)))

    def passing(self, place: int, text: str) -> None:
        """Show it beside the stage's name."""
        self._board.passing(place, Text.from_ansi(text).plain)

    def ended(self, place: int, outcome: Outcome) -> None:
        """Say how, unless nothing happened."""
        seconds = self._board.ended(place, outcome)
        if outcome is not Outcome.UNCHANGED:
            took = f" {clock(seconds)}" if seconds is not None else ""
            said = (f"{outcome.value}{took}", STYLES[outcome])
            self._lines.put(Text.assemble(said, f"  {self._names[place]}"))

    def note(self, text: str) -> None:
        """Scroll it by."""
        self._lines.put(Text(f"dvc-bridge: {text}", style="bold"))

    def _draw(self, live: Live, over: Event) -> None:
        self._safely(live.start)
        while not over.wait(TICK_S):
            self._print(live)
        self._print(live)
        self._safely(live.stop)

    def _print(self, live: Live) -> None:
        lines = []
        try:
            while True:
                lines.append(self._lines.get_nowait())
        except Empty:
            pass
        if lines:  # it draws the board anew below them
            self._safely(self._console.print, Text("\n").join(lines), soft_wrap=True)
        else:
            self._safely(live.refresh)

    def _safely(self, draw: Callable[..., object], *args: object, **options: bool) -> None:
        """Draw, as long as the terminal is there: a run does not end because it has gone."""
        if not self._gone:
            try:
                draw(*args, **options)
            except OSError:
                self._gone = True
