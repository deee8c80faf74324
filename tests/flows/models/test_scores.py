"""Scores agree with their definitions, and intervals contain the score."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from flows.features.arrays import Floats, Ints
from flows.models.scores import bootstrap, calibration_error, score, score_with_intervals

Flights = tuple[Ints, Floats, Ints]  # label, probability and day of each flight


@pytest.fixture
def flights() -> Flights:
    """Labels, probabilities with many ties, and days: 40 days of 100 flights, some days worse."""
    random = np.random.default_rng(0)
    day = np.repeat(np.arange(40, dtype=np.int64), 100)
    predicted = np.round(random.random(4000) * 0.8 + 0.1 * (day % 3), 2).astype(np.float64)
    label = (random.random(4000) < predicted).astype(np.int64)
    return label, predicted, day


def test_the_drawn_auc_is_that_of_the_drawn_flights(flights: Flights) -> None:
    label, predicted, day = flights
    aucs, losses = bootstrap(label, predicted, day, draws=5, seed=3)
    generator = np.random.default_rng(3)
    for auc, loss in zip(aucs, losses, strict=True):
        drawn = np.concatenate([np.flatnonzero(day == d) for d in generator.integers(40, size=40)])
        assert auc == pytest.approx(roc_auc_score(label[drawn], predicted[drawn]))
        assert loss == pytest.approx(score(label[drawn], predicted[drawn])["log_loss"], abs=1e-6)


def test_intervals_lie_around_the_score(flights: Flights) -> None:
    label, predicted, day = flights
    scores = score_with_intervals(label, predicted, day, draws=200, seed=0)
    assert scores["auc_low"] < scores["auc"] < scores["auc_high"]
    assert scores["log_loss_low"] < scores["log_loss"] < scores["log_loss_high"]


def test_a_draw_with_one_label_only_is_left_out(flights: Flights) -> None:
    _, predicted, day = flights
    label = (day == 7).astype(np.int64)
    aucs, _ = bootstrap(label, predicted, day, draws=100, seed=0)
    assert 30 < len(aucs) < 95
    assert np.isfinite(aucs).all()


def test_the_calibration_error_of_predictions_that_come_true_is_zero() -> None:
    predicted = np.repeat([0.25, 0.75], 100)
    label = np.tile([1, 0, 0, 0] * 25, 2)
    label[100:] = 1 - label[100:]
    assert calibration_error(label, predicted) == 0
    assert calibration_error(1 - label, predicted) == 0.5
