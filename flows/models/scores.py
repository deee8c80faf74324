"""Scores of predictions, with intervals that allow for the correlation of flights of one day."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from flows.features.arrays import Floats, Ints

from .results import Scores

_DECIMALS = 6


def score(label: Ints, predicted: Floats) -> Scores:
    """Score probabilities.

    Parameters
    ----------
    label : array of shape (n,)
        0 or 1; both occur, see `feature_files.labels`.
    predicted : array of shape (n,)
        Probabilities of 1.

    Returns
    -------
    Scores
        auc, log_loss, pr_auc, brier, ece (ten bins of equal width), base_rate, all to six decimals;
        n. No intervals.
    """
    return {
        "auc": _round(roc_auc_score(label, predicted)),
        "log_loss": _round(log_loss(label, predicted)),
        "pr_auc": _round(average_precision_score(label, predicted)),
        "brier": _round(brier_score_loss(label, predicted)),
        "ece": _round(calibration_error(label, predicted)),
        "base_rate": _round(label.mean()),
        "n": len(label),
    }


def score_with_intervals(
    label: Ints, predicted: Floats, day: Ints, draws: int, seed: int
) -> Scores:
    """Return `score` and the 95 % intervals of auc and log_loss, to four decimals."""
    aucs, losses = bootstrap(label, predicted, day, draws, seed)
    auc, loss = (np.quantile(draw, (0.025, 0.975)).round(4).tolist() for draw in (aucs, losses))
    return {
        **score(label, predicted),
        "auc_low": auc[0],
        "auc_high": auc[1],
        "log_loss_low": loss[0],
        "log_loss_high": loss[1],
    }


def reliability(label: Ints, predicted: Floats) -> list[tuple[float, float, int]]:
    """Return (mean prediction, share of 1, n) of each non-empty one of ten bins of equal width."""
    bins = np.minimum((predicted * 10).astype(np.int64), 9)
    rows = [bins == b for b in np.unique(bins)]
    return [(float(predicted[r].mean()), float(label[r].mean()), int(r.sum())) for r in rows]


def calibration_error(label: Ints, predicted: Floats) -> float:
    """Return the expected calibration error: the bins' differences, weighted by their rows."""
    return sum(abs(p - y) * n for p, y, n in reliability(label, predicted)) / len(label)


def bootstrap(
    label: Ints, predicted: Floats, day: Ints, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the auc and the log loss of draws of whole days, with replacement.

    Flights of one day share its weather, so days are drawn and not flights. A draw in which all
    flights have the same label has no auc and is left out.

    Parameters
    ----------
    day : int array of shape (n,)
        The day of each row.
    """
    days, day_index = np.unique(day, return_inverse=True)
    order = np.argsort(predicted, kind="stable")
    label_sorted, day_index_sorted = label[order], day_index[order]
    tie_ends = np.flatnonzero(np.diff(predicted[order], append=2.0))  # last row of each tied group
    loss = -np.log(np.where(label == 1, predicted, 1 - predicted).clip(np.finfo(np.float64).eps))
    day_loss, day_n = np.bincount(day_index, loss), np.bincount(day_index)
    day_n_disrupted = np.bincount(day_index, label)
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(draws):
        weight = np.bincount(generator.integers(len(days), size=len(days)), minlength=len(days))
        n, n_disrupted = (weight * day_n).sum(), (weight * day_n_disrupted).sum()
        if 0 < n_disrupted < n:
            auc = _weighted_auc(label_sorted, weight[day_index_sorted], tie_ends)
            scores.append((auc, (weight * day_loss).sum() / n))
    aucs, losses = np.array(scores).T
    return aucs, losses


def _weighted_auc(label: Ints, weight: Ints, tie_ends: Ints) -> float:
    """Return the AUC of rows sorted by prediction; `tie_ends` are the last rows of tied groups."""
    negatives = np.cumsum(weight * (1 - label))[tie_ends]
    positives = np.cumsum(weight * label)[tie_ends]
    # Twice the area, as an integer: a tie counts half on either side.
    lower_negatives = np.concatenate(([0], negatives[:-1]))
    twice_area = np.sum(np.diff(positives, prepend=0) * (lower_negatives + negatives))
    return float(twice_area / (2 * negatives[-1] * positives[-1]))


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
