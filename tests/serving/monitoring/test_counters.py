"""The counters expose the same samples as prometheus-client's own counters would."""

from __future__ import annotations

import random

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.registry import Collector

from serving.monitoring.counters import RequestCounter, RowCounter
from serving.monitoring.psi import COLUMNS


def samples_of(collector: Collector) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): round(sample.value, 9)
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_requests_are_counted_as_prometheus_counts_them() -> None:
    edges = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
    responses = Counter("serving_requests", "", ["route", "status"], registry=None)
    seconds = Histogram("serving_request_seconds", "", ["route"], buckets=edges, registry=None)
    ours, draw = RequestCounter(), random.Random(3)
    for value in (*edges, 0.0, 9.0, *(draw.expovariate(20) for _ in range(300))):
        route, status = draw.choice(["predict", "infer"]), draw.choice([200, 422])
        ours.count(route, status, value)
        responses.labels(route, str(status)).inc()
        seconds.labels(route).observe(value)
    assert samples_of(ours) == samples_of(responses) | samples_of(seconds)


def test_rows_are_counted_as_prometheus_counts_them() -> None:
    edges = [n / 20 for n in range(1, 21)]
    scores = Histogram("serving_prediction_score", "", buckets=edges, registry=None)
    ours = RowCounter()
    probabilities = np.array([0.0, *edges, *np.random.default_rng(3).random(300).round(7)])
    counted = np.zeros((len(COLUMNS), 12), np.int64)
    counted[0, 10:], counted[5, 10:] = (2, 7), (4, 0)
    for part in np.array_split(probabilities, 3):
        ours.count(part, counted)
    for value in probabilities.tolist():
        scores.observe(value)
    samples = samples_of(ours)
    assert samples.items() >= samples_of(scores).items()
    assert samples["serving_rows_total", ()] == len(probabilities)
    for name, first, other in (("missing", 6, 12), ("unseen_category", 21, 0)):
        assert samples[f"serving_{name}_total", (("feature", COLUMNS[0]),)] == first
        assert samples[f"serving_{name}_total", (("feature", COLUMNS[5]),)] == other
