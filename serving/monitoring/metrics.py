"""What /metrics shows. Names follow Prometheus: base units, _total for counters."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from serving.monitoring.counters import Requests, Rows
from serving.monitoring.window import Window
from serving.state import Live


class Metrics:
    """Every metric of one server, in a registry of its own."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests, self.rows = Requests(), Rows()
        registry.register(self.requests)
        registry.register(self.rows)
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
        registry.register(_Model(self))

    def fold(self, window: Window) -> None:
        """Count the rows that wait in the window: predictions, scores, missing, never seen."""
        self.rows.count(*window.fold())

    def count_reload(self, result: str) -> None:
        """Count a reload: `loaded` or `refused`."""
        self._reloads.labels(result).inc()

    def text(self) -> bytes:
        """Give the exposition, with the drift of this moment."""
        if self.live.now:
            self.fold(self.live.now.window)
        return generate_latest(self.registry)


class _Model(Collector):
    """What belongs to the model that serves now."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
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
