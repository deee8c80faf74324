"""A session: rounds of all cells in random order, within a time, added to a results file."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.comparison import metg, method_check
from benchmarks.comparison.graph import schedule_length
from benchmarks.comparison.measure import measure_check, measure_once, measure_phases
from benchmarks.comparison.method_check import VARIANTS
from benchmarks.comparison.status import Status
from benchmarks.comparison.store import Key, Store
from benchmarks.comparison.supervise import TIMED_OUT
from benchmarks.comparison.timed_run import Bench, Sample
from benchmarks.comparison.toolchain import Toolchain
from benchmarks.comparison.workload import COLD, Workload

# A first start, for example of Prefect with its database, takes longer than any later one.
_WARM_UP_S = 120.0
# METG is measured again if it is longer than this many times the tasks that were measured, unless
# the run would take longer than some seconds. Without an estimate, tasks become so much longer.
_NEAR, _FARTHER, _MOST_LOADED_S = 1.5, 4.0, 10.0


@dataclass(frozen=True)
class Options:
    """How long and how often to measure.

    Parameters
    ----------
    rounds
        The most rounds of a cell, those of earlier sessions included.
    cell_s
        A cell gets a further round only while all its rounds take less than this.
    minutes
        The session starts nothing that would end after this time.
    """

    jobs: int = 2
    rounds: int = 5
    cell_s: float = 8.0
    minutes: float = 14.0
    seed: int = 0


@dataclass(frozen=True)
class Cell:
    """A workload and a toolchain; a variant only where the method itself is checked."""

    workload: Workload
    name: str
    variant: str = ""

    @property
    def title(self) -> str:
        """Return the name of the cell in messages and in the file."""
        return " / ".join(part for part in (self.workload.name, self.name, self.variant) if part)

    def key(self, phase: str) -> Key:
        """Return the key of one of its results."""
        return (self.workload.name, phase, self.name, self.variant)

    @property
    def first_key(self) -> Key:
        """Return the key of the first phase's result."""
        return self.key(self.workload.first_timed)


_CHECK = Cell(method_check.WORKLOAD, method_check.CHECKED)


def rank(cell: Cell) -> tuple[bool, int, int]:
    """Return what decides about the order in the first round: long cells, and large workloads."""
    workload = cell.workload
    is_last = workload.comes_last(cell.name)
    return is_last, workload.order, len(workload.graph.tasks) * bool(workload.smaller)


def extrapolate(smaller_s: float, small_s: float, n_tasks: int) -> float:
    """Return the time of a workload from those with a hundredth and a tenth of its tasks.

    The cost of each further task is taken as constant, which favours toolchains whose cost grows.
    """
    per_task_s = (small_s - smaller_s) / (n_tasks / 10 - n_tasks / 100)
    return small_s + max(per_task_s, 0.0) * (n_tasks - n_tasks / 10)


class Session:
    """Measures cells and adds the samples to a store.

    Parameters
    ----------
    say
        Prints a line of progress.
    """

    def __init__(
        self,
        store: Store,
        toolchains: Mapping[str, Toolchain],
        options: Options,
        say: Callable[[str], None],
    ) -> None:
        self._store, self._toolchains, self._options, self._say = store, toolchains, options, say
        self._end_s = time.monotonic() + options.minutes * 60

    def run(self, cells: Sequence[Cell], *, checks_method: bool) -> None:
        """Warm up, then measure in rounds until all is done or the time is over."""
        with tempfile.TemporaryDirectory(prefix="comparison-") as folder:
            bench = Bench(Path(folder), self._options.jobs, self._end_s)
            self._store.note_load(os.getloadavg()[0])
            self._warm_up(bench, cells)
            for number in range(1, self._options.rounds + 1):
                added = [_CHECK] * method_check.MOST_CHECKS if checks_method else []
                self._measure_round(bench, self._order([*cells, *added], number), number)
            self._store.note_load(os.getloadavg()[0])
        for cell in cells:
            found = self._store.find(cell.first_key)
            # NO_CLUSTER is from an earlier session: this one named the cluster.
            if found is None or found["status"] == Status.NO_CLUSTER:
                reason = "the time was over; run make bench again"
                self._store.mark(cell.first_key, Status.NO_TIME, reason)
        self._store.save()

    def _order(self, cells: Sequence[Cell], number: int) -> list[Cell]:
        """Return the cells in random order; in the first round, some come after the others."""
        shuffled = list(cells)
        random.Random(f"{self._options.seed} {number}").shuffle(shuffled)  # noqa: S311
        return shuffled if number > 1 else sorted(shuffled, key=rank)

    def _warm_up(self, bench: Bench, cells: Sequence[Cell]) -> None:
        """Run each toolchain once, so that its files are read and compiled before it is timed.

        Every session needs this: its home folder is new, and Prefect keeps a database there.
        """
        graph = method_check.WORKLOAD.graph.with_spin(0)
        due = [cell for cell in cells if self._is_due(cell, self._options.rounds)]
        for name in dict.fromkeys(cell.name for cell in due):
            toolchain = self._toolchains[name]
            # On a cluster, a chain could take minutes.
            tasks = graph.tasks[:1] if toolchain.cluster else graph.tasks
            smallest = Workload("warm-up", "", replace(graph, tasks=tasks), limit_s=_WARM_UP_S)
            if toolchain.refusal(smallest):
                continue
            self._say(f"warm-up: {toolchain.title}")
            measure_once(bench, smallest, name, toolchain)

    def _is_due(self, cell: Cell, number: int) -> bool:
        """Return whether a cell gets a sample in a round."""
        if cell == _CHECK:
            return method_check.is_due(self._times_of_check(), number)
        if self._store.count(cell.first_key) >= number:
            return False
        if shutil.disk_usage(tempfile.gettempdir()).free < cell.workload.disk_gb * 1e9:
            reason = f"needs {cell.workload.disk_gb:g} GB of free space for temporary files"
            self._store.mark(cell.first_key, Status.NO_ROOM, reason)
            return False
        if self._skip_reason(cell):
            self._store.mark(cell.first_key, Status.OVER_LIMIT, self._skip_reason(cell))
            return False
        elapsed_s = self._store.elapsed_s(cell.title)
        return not elapsed_s or sum(elapsed_s) + elapsed_s[-1] <= self._options.cell_s

    def _skip_reason(self, cell: Cell) -> str:
        """Return why a cell would exceed the limit, as the smaller workload shows."""
        if not cell.workload.smaller or self._store.count(cell.first_key):
            return ""
        found = [self._store.find((name, COLD, cell.name, "")) for name in cell.workload.smaller]
        small, smaller = (result or {"status": "", "times": []} for result in found)
        if Status.OVER_LIMIT in {small["status"], smaller["status"]}:
            return f"over the limit with fewer tasks ({cell.workload.smaller[0]})"
        if not (small["times"] and smaller["times"]):
            return ""
        n_tasks = len(cell.workload.graph.tasks)
        least_s = extrapolate(min(smaller["times"]), min(small["times"]), n_tasks)
        if least_s <= cell.workload.limit_s:
            return ""
        return (
            f"not started: it would need about {least_s:.0f} s, as {cell.workload.smaller[0]} and"
            f" {cell.workload.smaller[1]} show; the limit is {cell.workload.limit_s:g} s"
        )

    def _measure_round(self, bench: Bench, cells: Sequence[Cell], number: int) -> None:
        """Measure those of the cells that are due."""
        n_cells, n_seen = sum(cell != _CHECK for cell in cells), 0
        for cell in cells:
            n_seen += cell != _CHECK
            if not self._is_due(cell, number):
                continue
            known_s = self._store.elapsed_s(cell.title)
            if (known_s[-1] if known_s else 5.0) > bench.left_s():
                continue
            self._say(
                f"round {number} of {self._options.rounds}, {n_seen} of {n_cells},"
                f" {bench.left_s() / 60:.1f} min left: {cell.title}"
            )
            start_s = time.monotonic()
            if cell == _CHECK:
                self._check_method(bench)
            else:
                self._measure(bench, cell)
            self._store.add_elapsed(cell.title, time.monotonic() - start_s)
            self._store.save()

    def _measure(self, bench: Bench, cell: Cell) -> None:
        """Add a sample of each phase; one that the end of the session cut off does not count."""
        toolchain = self._toolchains[cell.name]
        phases = list(measure_phases(bench, cell.workload, cell.name, toolchain))
        for phase, sample in phases:
            is_cut_off = sample.wall_s < cell.workload.limit_s and bench.left_s() <= 0
            if sample.exit_code == TIMED_OUT and is_cut_off:
                continue
            is_found = cell.workload.finds_metg and not sample.exit_code
            metg_s = self._find_metg_s(bench, cell, toolchain, sample) if is_found else None
            self._store.add(cell.key(phase), sample, metg_s)

    def _times_of_check(self) -> dict[str, Sequence[float]]:
        keys = {variant: replace(_CHECK, variant=variant).first_key for variant in VARIANTS}
        return {variant: self._store.times(key) for variant, key in keys.items()}

    def _check_method(self, bench: Bench) -> None:
        toolchain = self._toolchains[_CHECK.name]
        for variant, sample in measure_check(bench, toolchain).items():
            self._store.add(replace(_CHECK, variant=variant).first_key, sample)

    def _find_metg_s(
        self, bench: Bench, cell: Cell, toolchain: Toolchain, empty: Sample
    ) -> float | None:
        """Return METG(50 %) from the run without work and others that are about half work, if any.

        A third run follows where the second one shows that METG is far from its tasks' length.
        """
        graph, s_per_block = cell.workload.graph, self._store.s_per_block
        n_rounds = schedule_length(graph, bench.jobs)
        points = [(0.0, empty.wall_s)]
        task_s = metg.next_task_s(empty.wall_s, n_rounds)
        found_s: float | None = None
        for _ in range(2):
            blocks = max(1, round(task_s / s_per_block))
            loaded = replace(cell.workload, graph=graph.with_spin(blocks))
            sample = measure_once(bench, loaded, cell.name, toolchain)
            if sample.exit_code:
                return found_s
            points.append((blocks * s_per_block, sample.wall_s))
            found_s = metg.find_metg_s(points, n_rounds)
            longer_s = found_s or task_s * _FARTHER
            if longer_s <= task_s * _NEAR or 2 * n_rounds * longer_s > _MOST_LOADED_S:
                break
            task_s = longer_s
        return found_s
