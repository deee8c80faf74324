"""The metrics at /metrics. Names follow Prometheus: base units, _total for counters."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from serving.monitoring.counters import RequestCounter, RowCounter
from serving.monitoring.window import Window
from serving.state import ServerState


class Metrics:
    """All metrics of one server, in their own registry."""

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests, self.rows = RequestCounter(), RowCounter()
        registry.register(self.requests)
        registry.register(self.rows)
        self._reloads = Counter(
            "serving_model_reloads", "Requested reloads by result", ["result"], registry=registry
        )
        for result in ("loaded", "refused"):
            self._reloads.labels(result)
        self.lost_lines = Counter(
            "serving_request_log_lost",
            "Lines of the request log that could not be written",
            registry=registry,
        )
        in_progress = Gauge(
            "serving_requests_in_progress", "Predictions in progress", registry=registry
        )
        in_progress.set_function(lambda: state.in_progress)
        ready = Gauge("serving_ready", "1 if the server is ready, else 0", registry=registry)
        ready.set_function(lambda: float(state.ready))
        registry.register(_ActiveModelCollector(self))

    def count_pending(self, window: Window) -> None:
        """Count the pending rows of the window, in the window and in the row counters."""
        self.rows.count(*window.count_pending())

    def count_reload(self, result: str) -> None:
        """Count a reload; the result is `loaded` or `refused`."""
        self._reloads.labels(result).inc()

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format, with the drift of this moment."""
        if self.state.active:
            self.count_pending(self.state.active.window)
        return generate_latest(self.registry)


class _ActiveModelCollector(Collector):
    """The metrics of the active model: its identity and its drift."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        active = self.metrics.state.active
        if active is None:
            return
        model, bundle = active.model, active.model.bundle
        info = InfoMetricFamily("serving_model", "The active model")
        revision = bundle.origin.revision if bundle.origin else ""
        labels = {"name": model.name, "version": model.version, "revision": revision}
        info.add_metric([], {**labels, "md5": bundle.metadata.md5, "sha256": bundle.sha256})
        yield info
        rows = GaugeMetricFamily("serving_drift_window_rows", "Rows that the drift gauges cover")
        rows.add_metric([], active.window.rows)
        yield rows
        psi = GaugeMetricFamily(
            "serving_feature_psi", "Population stability index", labels=["feature"]
        )
        missing = GaugeMetricFamily(
            "serving_missing_share",
            "Share of rows in which a feature is missing",
            labels=["feature"],
        )
        unseen = GaugeMetricFamily(
            "serving_unseen_share",
            "Share of rows with a code that is not in the training data",
            labels=["feature"],
        )
        for name, drift in active.window.drift().items():
            psi.add_metric([name], drift.psi)
            missing.add_metric([name], drift.missing)
            unseen.add_metric([name], drift.unseen)
        yield from (psi, missing, unseen)
