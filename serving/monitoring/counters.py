"""Requests and rows counted, for /metrics.

prometheus-client's own counters take a lock and look labels up at each call: for a request with one
row that was a twentieth of the CPU. The event loop's thread alone counts here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.model.model import Floats
from serving.monitoring.psi import COLUMNS, Counts, missing, unseen

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SCORES = tuple(n / 20 for n in range(1, 21))


class Requests(Collector):
    """Requests by route and status, and the seconds that they took by route."""

    def __init__(self) -> None:
        self._answers = Counter[tuple[str, int]]()
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is a name from the code, never a path from outside."""
        self._answers[route, status] += 1
        if route not in self._buckets:
            self._buckets[route], self._sums[route] = [0] * (len(_SECONDS) + 1), 0.0
        self._buckets[route][bisect_left(_SECONDS, seconds)] += 1
        self._sums[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """Give the families of this moment."""
        answers = CounterMetricFamily(
            "serving_requests", "Requests by route and status", labels=["route", "status"]
        )
        for (route, status), n in self._answers.items():
            answers.add_metric([route, str(status)], n)
        yield answers
        times = HistogramMetricFamily(
            "serving_request_seconds", "From headers to answer", labels=["route"]
        )
        for route, counts in self._buckets.items():
            times.add_metric([route], _cumulated(_SECONDS, counts), self._sums[route])
        yield times


class Rows(Collector):
    """Rows predicted: how many, their probabilities, and what was missing or never seen."""

    def __init__(self) -> None:
        self._scores = np.zeros(len(_SCORES) + 1, np.int64)
        self._score_sum = 0.0
        self._missing = np.zeros(len(COLUMNS), np.int64)
        self._unseen = np.zeros(len(COLUMNS), np.int64)

    def count(self, probabilities: Floats, counted: Counts) -> None:
        """Count rows: their probabilities, and what psi.Grid counted of them."""
        at = np.clip(np.ceil(probabilities * 20).astype(np.int64) - 1, 0, len(_SCORES) - 1)
        self._scores += np.bincount(at, minlength=len(_SCORES) + 1)
        self._score_sum += float(probabilities.sum())
        self._missing += missing(counted)
        self._unseen += unseen(counted)

    def collect(self) -> Iterator[Metric]:
        """Give the families of this moment."""
        rows = int(self._scores.sum())
        yield CounterMetricFamily("serving_rows", "Rows predicted", rows)
        scores = HistogramMetricFamily("serving_prediction_score", "Probabilities served")
        scores.add_metric([], _cumulated(_SCORES, self._scores.tolist()), self._score_sum)
        yield scores
        for name, text, counts in (
            ("serving_missing", "Rows in which a feature was not known", self._missing),
            ("serving_unseen_category", "Rows with a code that training had not", self._unseen),
        ):
            family = CounterMetricFamily(name, text, labels=["feature"])
            for feature, n in zip(COLUMNS, counts.tolist(), strict=True):
                family.add_metric([feature], n)
            yield family


def _cumulated(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Give buckets as Prometheus has them: each with what is below it; the last is above all."""
    names = [*map(str, edges), "+Inf"]
    return [(name, float(n)) for name, n in zip(names, accumulate(counts), strict=True)]
