"""The live view of a run on a terminal: output scrolls above a table of the stages that run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Event, Thread

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.byte_text import progress_text
from dvc_bridge.ui.live_progress import STYLES, ProgressTable, clock
from dvc_bridge.ui.visible_text import visible

# The interval between updates. A stage that prints faster than the terminal shows has to wait.
TICK_S = 0.125
MOST_LINES = 10_000


class LiveView:
    """Implements `ui.view.View`.

    Only one thread draws: with several, rich miscounts the lines to erase.

    Parameters
    ----------
    jobs
        How many commands run at a time, to estimate the remaining time.
    every
        Whether to show stages too that are unchanged.
    """

    def __init__(self, jobs: int, console: Console | None = None, *, every: bool = False) -> None:
        self._every = every
        self._console = console or Console()
        self._jobs = jobs
        self._names: Sequence[str] = ()
        self._table = ProgressTable((), (), {}, jobs)
        self._lines: Queue[Text] = Queue(MOST_LINES)
        self._is_closed = False

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[Row]],
        run: str = "",
    ) -> Iterator[None]:
        """Draw during a run; afterwards only the scrolled output remains."""
        del run
        self._names = [visible(name) for name in names]
        self._table = ProgressTable(self._names, followers, seconds, self._jobs)
        is_over = Event()
        live = Live(
            self._table,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        drawer = Thread(target=self._draw, args=(live, is_over), daemon=True)
        drawer.start()
        try:
            yield
        finally:
            is_over.set()
            drawer.join()

    def started(self, row: Row, command: Sequence[str] = (), why: str = "") -> None:
        """Show that the stage runs, and scroll its command."""
        del why
        self._table.started(row)
        for line in command:
            self._lines.put(Text(f"{self._names[row]} > {line}", style="dim"))

    def line(self, row: Row, text: str) -> None:
        """Scroll a line, prefixed with the name of the stage."""
        name = (f"{self._names[row]} | ", "dim")
        self._lines.put(Text.assemble(name, Text.from_ansi(text)))

    def passing(self, row: Row, text: str) -> None:
        """Show the text next to the name of the stage."""
        self._table.passing(row, Text.from_ansi(text).plain)

    def ended(self, row: Row, outcome: Outcome, why: str = "") -> None:
        """Scroll the outcome, unless the stage is unchanged."""
        del why  # the lines of the stage say it
        seconds = self._table.ended(row, outcome)
        if outcome is not Outcome.UNCHANGED or self._every:
            took = f" {clock(seconds)}" if seconds is not None else ""
            ending = (f"{outcome.text}{took}", STYLES[outcome])
            self._lines.put(Text.assemble(ending, f"  {self._names[row]}"))

    def note(self, text: str) -> None:
        """Scroll a message about the run."""
        self._lines.put(Text(f"dvc-bridge: {text}", style="bold"))

    def fetching(self, done: int, total: int) -> None:
        """Show the progress of a download below the stages, and scroll its end."""
        if done < total:
            self._table.fetching(progress_text(done, total))
        else:
            self._table.fetching("")
            self.note(f"downloaded {progress_text(done, total)}")

    def _draw(self, live: Live, is_over: Event) -> None:
        self._safely(live.start)
        while not is_over.wait(TICK_S):
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
        if lines:  # rich draws the table again below them
            self._safely(self._console.print, Text("\n").join(lines), soft_wrap=True)
        else:
            self._safely(live.refresh)

    def _safely(self, draw: Callable[..., object], *args: object, **options: bool) -> None:
        """Draw while the terminal exists: a closed terminal must not end the run."""
        if not self._is_closed:
            try:
                draw(*args, **options)
            except OSError:
                self._is_closed = True
