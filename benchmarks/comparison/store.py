"""The results file: hyperfine's shape, and what else the report needs."""

from __future__ import annotations

import copy
import hashlib
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison.status import Status
from benchmarks.comparison.timed_run import Sample
from dvc_bridge.dvcio.atomic_files import write_whole

FORMAT = 2
# Parameters that identify a result, in hyperfine's `parameters`.
Key = tuple[str, str, str, str]  # workload, phase, toolchain, variant


class Store:
    """Results by workload, phase, toolchain and variant, in a JSON file.

    Parameters
    ----------
    session
        What the samples depend on. A file with another `digest` or `machine` is refused. `code` has
        an entry for each toolchain that the session measures: the results of such a toolchain are
        removed if the file has another version of it, or another digest of its code.
    """

    def __init__(self, path: Path, session: Mapping[str, Any]) -> None:
        self._path = path
        self._session = copy.deepcopy(dict(session))
        self._results: dict[Key, dict[str, Any]] = {}
        self._elapsed: dict[str, list[float]] = {}
        self.outdated: dict[str, int] = {}
        """Toolchain -> number of its samples that were removed."""
        if path.exists():
            self._load(json.loads(path.read_text()))

    def _load(self, document: Mapping[str, Any]) -> None:
        old = document["comparison"]
        same = ("format", "digest", "machine", "jobs", "limit_s")
        differing = [name for name in same if old.get(name) != self._session[name]]
        # A session may name other clusters than the one before, but not change what one of them is.
        known, named = old.get("clusters", {}), self._session.get("clusters", {})
        differing += [name for name in named if known.get(name, named[name]) != named[name]]
        if differing:
            raise SystemExit(
                f"{self._path} has samples of another {', '.join(differing)};"
                " fix: name another file with --output, or remove this one"
            )
        self._results = {key_of(result): result for result in document["results"]}
        self._elapsed = old["elapsed_s"]
        for name, entry in old["code"].items():
            self._keep_or_remove(name, entry)
        self._session["clusters"] = {**known, **named}
        self._session["load"] = [*old["load"], *self._session["load"]]
        self._session["seconds_per_block"] = old["seconds_per_block"]
        self._session["continued"] = self._session["began"]
        self._session["began"] = old["began"]

    def _keep_or_remove(self, toolchain: str, old: Mapping[str, Any]) -> None:
        """Keep the results of a toolchain, or remove those of another version or other code."""
        new = self._session["code"].setdefault(toolchain, old)
        if all(new[name] == old[name] for name in ("version", "digest")):
            # A revision with exactly the measured code says more than one with changes.
            self._session["code"][toolchain] = new if old["dirty"] else old
            return
        removed = [key for key in self._results if key[2] == toolchain]
        n_samples = sum(self.count(key) for key in removed)
        if n_samples:
            self.outdated[toolchain] = n_samples
        for key in removed:
            del self._results[key]
        self._elapsed = {
            cell: seconds
            for cell, seconds in self._elapsed.items()
            if toolchain not in cell.split(" / ")
        }

    @property
    def s_per_block(self) -> float:
        """Return the calibration of work, which all samples of the file share."""
        return float(self._session["seconds_per_block"])

    def note_load(self, load: float) -> None:
        """Add a load average of the machine, before or after a session."""
        self._session["load"].append(round(load, 2))

    def count(self, key: Key) -> int:
        """Return the number of samples, failed ones included."""
        return len(self._results[key]["exit_codes"]) if key in self._results else 0

    def times(self, key: Key) -> Sequence[float]:
        """Return the seconds of the good runs, in the order in which they were added."""
        return self._results[key]["times"] if key in self._results else []

    def find(self, key: Key) -> Mapping[str, Any] | None:
        """Return a result."""
        return self._results.get(key)

    def elapsed_s(self, cell: str) -> list[float]:
        """Return how long the rounds of a cell took, with the creation of their projects."""
        return self._elapsed.get(cell, [])

    def add_elapsed(self, cell: str, seconds: float) -> None:
        """Add how long a round of a cell took."""
        self._elapsed.setdefault(cell, []).append(round(seconds, 2))

    def add(self, key: Key, sample: Sample, metg_s: float | None = None) -> None:
        """Add a sample; the times of failed runs are kept apart."""
        result = self._results.setdefault(key, _create_result(key))
        result["status"], result["reason"] = Status.MEASURED, ""
        result["exit_codes"].append(sample.exit_code)
        result["load"].append(round(sample.load, 2))
        if sample.exit_code:
            result["log"] = sample.log
            return
        if sample.started is not None:
            result.setdefault("started", []).append(sample.started)
        result["times"].append(round(sample.wall_s, 6))
        result["user_times"].append(round(sample.user_s, 4))
        result["system_times"].append(round(sample.system_s, 4))
        result["peak_mb"].append(round(sample.peak_mb, 1))
        result["outs"].append(digest_outs(sample.outs))
        for name, value in sample.measures.items():
            result["measures"].setdefault(name, []).append(round(value, 6))
        if metg_s is not None:
            result["metg_s"].append(round(metg_s, 7))

    def mark(self, key: Key, status: Status, reason: str) -> None:
        """Record why a result has no samples, unless it has some.

        Status.NO_CLUSTER never replaces another reason: an earlier session has named the cluster.
        """
        is_known = status == Status.NO_CLUSTER and key in self._results
        if not self.count(key) and not is_known:
            self._results[key] = {**_create_result(key), "status": status, "reason": reason}

    def save(self) -> None:
        """Write the file."""
        session = {**self._session, "elapsed_s": self._elapsed}
        results = [_with_summary(self._results[key]) for key in sorted(self._results)]
        document = {"results": results, "comparison": session}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=1) + "\n"
        write_whole(self._path, text, self._path.parent, durable=False)


def key_of(result: Mapping[str, Any]) -> Key:
    """Return the key of a result in the file."""
    parameters = result["parameters"]
    return (
        parameters["workload"],
        parameters["phase"],
        parameters["toolchain"],
        parameters["variant"],
    )


def digest_outs(outs: Mapping[str, str]) -> str:
    """Return a digest of all outs; `missing` if there are none, or one is missing."""
    if not outs or not all(outs.values()):
        return "missing"
    lines = "\n".join(f"{path} {md5}" for path, md5 in sorted(outs.items()))
    return hashlib.md5(lines.encode(), usedforsecurity=False).hexdigest()


def _create_result(key: Key) -> dict[str, Any]:
    names = ("workload", "phase", "toolchain", "variant")
    lists = ("times", "user_times", "system_times", "peak_mb", "load", "outs", "metg_s")
    return {
        "command": " / ".join(part for part in key if part),
        "parameters": dict(zip(names, key, strict=True)),
        "status": "",
        "reason": "",
        "log": "",
        "exit_codes": [],
        **{name: [] for name in lists},
        "measures": {},
    }


def _with_summary(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, **dict(_summarize(result))}


def _summarize(result: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield hyperfine's summary: mean, stddev, median, user, system, min, max, in seconds."""
    times = result["times"]
    for name, function in (
        ("mean", statistics.mean),
        ("median", statistics.median),
        ("min", min),
        ("max", max),
    ):
        yield name, round(function(times), 6) if times else None
    yield "stddev", round(statistics.stdev(times), 6) if len(times) > 1 else None
    for name, column in (("user", "user_times"), ("system", "system_times")):
        yield name, round(statistics.mean(result[column]), 6) if result[column] else None
