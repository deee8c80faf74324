"""What /metrics shows. Names follow Prometheus: base units, _total for counters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from .live import Live
from .psi import COLUMNS, missing, unseen
from .window import Window

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SCORES = tuple(n / 20 for n in range(1, 21))


class Metrics:
    """Every metric of one server, in a registry of its own."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "serving_requests",
            "Requests by route and status",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "serving_request_seconds",
            "From headers to answer",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._rows = Counter("serving_rows", "Rows predicted", registry=registry)
        self._missing = Counter(
            "serving_missing",
            "Rows in which a feature was not known",
            ["feature"],
            registry=registry,
        )
        self._unseen = Counter(
            "serving_unseen_category",
            "Rows with a code that training had not",
            ["feature"],
            registry=registry,
        )
        self._reloads = Counter(
            "serving_model_reloads", "Reloads asked for, by result", ["result"], registry=registry
        )
        for result in ("loaded", "refused"):
            self._reloads.labels(result)
        self.lost_lines = Counter(
            "serving_request_log_lost", "Lines that could not be written", registry=registry
        )
        in_progress = Gauge("serving_requests_in_progress", "Being answered", registry=registry)
        in_progress.set_function(lambda: live.in_progress)
        ready = Gauge("serving_ready", "1 if /readyz says so", registry=registry)
        ready.set_function(lambda: float(live.ready))
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._scores = np.zeros(len(_SCORES), np.int64)
        self._score_sum = 0.0
        registry.register(_Model(self))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is a name from the code, never a path from outside."""
        children = self._children.get((route, status))
        if children is None:
            children = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._children[route, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def fold(self, window: Window) -> None:
        """Count the rows that wait in the window: predictions, scores, missing, never seen."""
        rows, counted = window.fold()
        if not len(rows):
            return
        self._rows.inc(len(rows))
        at = np.clip(np.ceil(rows * 20).astype(np.int64) - 1, 0, len(_SCORES) - 1)
        self._scores += np.bincount(at, minlength=len(_SCORES))
        self._score_sum += float(rows.sum())
        for counter, by_column in ((self._missing, missing), (self._unseen, unseen)):
            for feature, n in zip(COLUMNS, by_column(counted).tolist(), strict=True):
                if n:
                    counter.labels(feature).inc(n)

    def count_reload(self, result: str) -> None:
        """Count a reload: `loaded` or `refused`."""
        self._reloads.labels(result).inc()

    def text(self) -> bytes:
        """Give the exposition, with the drift of this moment."""
        if self.live.now:
            self.fold(self.live.now.window)
        return generate_latest(self.registry)

    def scores(self) -> HistogramMetricFamily:
        """Give the histogram of the probabilities served."""
        totals = np.cumsum(self._scores).tolist()
        buckets = [(str(b), float(n)) for b, n in zip(_SCORES, totals, strict=True)]
        buckets.append(("+Inf", float(totals[-1])))
        family = HistogramMetricFamily("serving_prediction_score", "Probabilities served")
        family.add_metric([], buckets, self._score_sum)
        return family


class _Model(Collector):
    """What belongs to the model that serves now."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield self.metrics.scores()
        now = self.metrics.live.now
        if now is None:
            return
        bundle = now.model.bundle
        info = InfoMetricFamily("serving_model", "The model that serves")
        revision = bundle.origin.revision if bundle.origin else ""
        facts = {"name": now.model.name, "version": now.model.version, "revision": revision}
        info.add_metric([], {**facts, "md5": bundle.description.md5, "sha256": bundle.sha256})
        yield info
        rows = GaugeMetricFamily("serving_drift_window_rows", "Rows that the drift gauges see")
        rows.add_metric([], now.window.rows)
        yield rows
        index = GaugeMetricFamily(
            "serving_feature_psi", "Population stability index", labels=["feature"]
        )
        absent = GaugeMetricFamily(
            "serving_missing_share", "Share of rows not known", labels=["feature"]
        )
        new = GaugeMetricFamily(
            "serving_unseen_share", "Share of rows with a code never seen", labels=["feature"]
        )
        for name, drift in now.window.drift().items():
            index.add_metric([name], drift.psi)
            absent.add_metric([name], drift.missing)
            new.add_metric([name], drift.unseen)
        yield from (index, absent, new)
