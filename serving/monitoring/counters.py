"""Counters of requests and rows, for /metrics.

prometheus-client's own counters take a lock and look up labels at each call: for a request with one
row that was a twentieth of the CPU. Here only the event loop's thread counts.
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
from serving.monitoring.psi import COLUMNS, Counts, missing_rows, unseen_rows

_SECONDS_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SCORE_EDGES = tuple(n / 20 for n in range(1, 21))


class RequestCounter(Collector):
    """Requests by route and status, and their durations by route."""

    def __init__(self) -> None:
        self._responses = Counter[tuple[str, int]]()
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count a response. `route` is a name from the code, never a path of a client."""
        self._responses[route, status] += 1
        if route not in self._buckets:
            self._buckets[route], self._sums[route] = [0] * (len(_SECONDS_EDGES) + 1), 0.0
        self._buckets[route][bisect_left(_SECONDS_EDGES, seconds)] += 1
        self._sums[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        requests = CounterMetricFamily(
            "serving_requests", "Requests by route and status", labels=["route", "status"]
        )
        for (route, status), n in self._responses.items():
            requests.add_metric([route, str(status)], n)
        yield requests
        durations = HistogramMetricFamily(
            "serving_request_seconds",
            "Seconds from the headers of a request to its response",
            labels=["route"],
        )
        for route, counts in self._buckets.items():
            durations.add_metric(
                [route], _cumulative_buckets(_SECONDS_EDGES, counts), self._sums[route]
            )
        yield durations


class RowCounter(Collector):
    """Predicted rows: their number, their probabilities, missing values and unseen codes."""

    def __init__(self) -> None:
        self._scores = np.zeros(len(_SCORE_EDGES) + 1, np.int64)
        self._score_sum = 0.0
        self._missing = np.zeros(len(COLUMNS), np.int64)
        self._unseen = np.zeros(len(COLUMNS), np.int64)

    def count(self, probabilities: Floats, counts: Counts) -> None:
        """Count rows by their probabilities, and by the counts that psi.Bins returned for them."""
        bins = np.clip(np.ceil(probabilities * 20).astype(np.int64) - 1, 0, len(_SCORE_EDGES) - 1)
        self._scores += np.bincount(bins, minlength=len(_SCORE_EDGES) + 1)
        self._score_sum += float(probabilities.sum())
        self._missing += missing_rows(counts)
        self._unseen += unseen_rows(counts)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        rows = int(self._scores.sum())
        yield CounterMetricFamily("serving_rows", "Predicted rows", rows)
        scores = HistogramMetricFamily("serving_prediction_score", "Predicted probabilities")
        scores.add_metric(
            [], _cumulative_buckets(_SCORE_EDGES, self._scores.tolist()), self._score_sum
        )
        yield scores
        for name, help_text, counts in (
            ("serving_missing", "Rows in which a feature is missing", self._missing),
            (
                "serving_unseen_category",
                "Rows with a code that is not in the training data",
                self._unseen,
            ),
        ):
            family = CounterMetricFamily(name, help_text, labels=["feature"])
            for feature, n in zip(COLUMNS, counts.tolist(), strict=True):
                family.add_metric([feature], n)
            yield family


def _cumulative_buckets(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return cumulative buckets, as Prometheus defines them; the last one includes all rows."""
    names = [*map(str, edges), "+Inf"]
    return [(name, float(n)) for name, n in zip(names, accumulate(counts), strict=True)]
