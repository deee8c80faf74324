"""Decide what the samples of a results file show. Pure: equal files produce equal figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.comparison.statistics import (
    Interval,
    Ratio,
    median_interval,
    ratio_interval,
)
from benchmarks.comparison.status import Status
from benchmarks.comparison.supervise import TIMED_OUT

BASELINE, OURS, FLOOR = "dvc_repro", "dvc_bridge_repro", "plain_python"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One toolchain in one row.

    Parameters
    ----------
    times
        Seconds of each good run; where the row is METG, seconds per task.
    cpu_s
        Median CPU seconds of a run with everything that it started.
    ratio
        Times of the baseline; None without a baseline, and for the baseline itself.
    exit_codes
        Those that are not 0.
    measures
        Medians of what else was measured, by the names that a `Sample` has for it.
    """

    toolchain: str
    title: str
    status: Status
    reason: str
    times: tuple[float, ...] = ()
    median: Interval | None = None
    ratio: Ratio | None = None
    cpu_s: float | None = None
    peak_mb: float | None = None
    exit_codes: tuple[int, ...] = ()
    log: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether the row has a figure for the toolchain."""
        return self.status is Status.MEASURED and self.median is not None

    @property
    def has_result(self) -> bool:
        """Whether it has a figure, or failed, or exceeded the limit."""
        return self.is_good or self.status in {Status.FAILED, Status.OVER_LIMIT}

    @property
    def was_tried(self) -> bool:
        """Whether the toolchain was run here, or would have needed longer than the limit."""
        return self.has_result or self.status is Status.NO_FIGURE


@dataclass(frozen=True)
class Row:
    """A phase of a workload with all toolchains.

    Parameters
    ----------
    limit_s
        After this time a run was ended.
    """

    workload: str
    phase: str
    about: str
    origin: str
    is_metg: bool
    limit_s: float
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """Return the row's name."""
        metg = "METG(50 %), " if self.is_metg else ""
        return f"{metg}{self.workload}" + (f": {self.phase}" if self.phase != "cold" else "")

    def find(self, toolchain: str) -> Entry | None:
        """Return the entry of a toolchain."""
        return next((entry for entry in self.entries if entry.toolchain == toolchain), None)

    @property
    def tried(self) -> tuple[Entry, ...]:
        """The entries of the toolchains that were run."""
        return tuple(entry for entry in self.entries if entry.was_tried)

    @property
    def not_run(self) -> Mapping[str, Sequence[str]]:
        """The titles of the toolchains that were not run, by the reason."""
        titles: dict[str, list[str]] = {}
        for entry in self.entries:
            if not entry.was_tried:
                titles.setdefault(entry.reason, []).append(entry.title)
        return titles


def read_rows(document: Document) -> tuple[Row, ...]:
    """Return all rows with a sample, or with a reason why there is none."""
    rows = []
    for workload in document["comparison"]["workloads"]:
        for phase in workload["phases"]:
            is_metg = workload["finds_metg"]
            entries = tuple(_read_entries(document, workload["name"], phase, is_metg))
            if any(entry.times or entry.exit_codes for entry in entries):
                about, origin = workload["about"], workload["origin"]
                limit_s = workload["limit_s"]
                rows.append(Row(workload["name"], phase, about, origin, is_metg, limit_s, entries))
    return tuple(rows)


def _read_entries(document: Document, workload: str, phase: str, is_metg: bool) -> Iterator[Entry]:
    results = {
        result["parameters"]["toolchain"]: result
        for result in document["results"]
        if result["parameters"]["workload"] == workload
        and result["parameters"]["phase"] == phase
        and not result["parameters"]["variant"]
    }
    column = "metg_s" if is_metg else "times"
    expected = _expect_outs(results)
    baseline = results.get(BASELINE, {}).get(column, [])
    for name, toolchain in document["comparison"]["toolchains"].items():
        if name in results:
            yield _read_entry(results[name], name, toolchain["title"], column, expected, baseline)


def _expect_outs(results: Mapping[str, Any]) -> str:
    """Return the digest of the outs that all toolchains must have written."""
    for name in (FLOOR, BASELINE):
        if name in results and results[name]["outs"]:
            return str(results[name]["outs"][0])
    return ""


def _read_entry(
    result: Mapping[str, Any],
    name: str,
    title: str,
    column: str,
    expected: str,
    baseline: Sequence[float],
) -> Entry:
    status, reason = Status(result["status"]), str(result["reason"])
    times, bad = tuple(result[column]), tuple(code for code in result["exit_codes"] if code)
    if bad and set(bad) == {TIMED_OUT}:
        status, reason = Status.OVER_LIMIT, "ended at the time limit"
    elif bad:
        total = len(result["exit_codes"])
        status, reason = Status.FAILED, f"exit code {bad[0]} in {len(bad)} of {total} runs"
    elif expected and any(outs != expected for outs in result["outs"]):
        status, reason = Status.FAILED, "exit code 0, but the outs differ from those of the others"
    elif status is Status.MEASURED and not times:
        status, reason = (
            Status.NO_FIGURE,
            "less than half of the ideal speed with any task, or over the limit",
        )
    if not times or status is not Status.MEASURED:
        return Entry(name, title, status, reason, times, exit_codes=bad, log=result["log"])
    cpu_s = [user + system for user, system in _pairs(result)]
    is_compared = bool(baseline) and name != BASELINE
    return Entry(
        name,
        title,
        status,
        reason,
        times,
        median_interval(times),
        ratio_interval(times, baseline) if is_compared else None,
        median_interval(cpu_s).value,
        max(result["peak_mb"]),
        measures={name: median(values) for name, values in result.get("measures", {}).items()},
    )


def _pairs(result: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    yield from zip(result["user_times"], result["system_times"], strict=True)
