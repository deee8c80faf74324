"""How good predictions are; intervals respect that a bad day is bad for all its flights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from .asof import Floats, Ints

_DECIMALS = 6


def score(label: npt.ArrayLike, predicted: Floats) -> dict[str, float]:
    """Score probabilities.

    Parameters
    ----------
    label : array-like of shape (n,)
        0 or 1.
    predicted : array of shape (n,)
        Probabilities of 1.

    Returns
    -------
    dict
        auc, log_loss, pr_auc, brier, ece (ten bins of equal width), base_rate; n.
    """
    y = np.asarray(label)
    found = {
        "auc": roc_auc_score(y, predicted),
        "log_loss": log_loss(y, predicted),
        "pr_auc": average_precision_score(y, predicted),
        "brier": brier_score_loss(y, predicted),
        "ece": calibration_error(y, predicted),
        "base_rate": y.mean(),
    }
    return {**{k: round(float(v), _DECIMALS) for k, v in found.items()}, "n": len(y)}


def reliability(label: npt.ArrayLike, predicted: Floats) -> list[tuple[float, float, int]]:
    """Give (mean prediction, share of 1, n) of each of ten bins of equal width that holds a row."""
    y = np.asarray(label)
    bins = np.minimum((predicted * 10).astype(np.int64), 9)
    return [
        (float(predicted[bins == b].mean()), float(y[bins == b].mean()), int((bins == b).sum()))
        for b in np.unique(bins)
    ]


def calibration_error(label: npt.ArrayLike, predicted: Floats) -> float:
    """Give the expected calibration error: the bins' gaps, weighted by their rows."""
    bins = reliability(label, predicted)
    return sum(abs(p - y) * n for p, y, n in bins) / sum(n for _, _, n in bins)


def intervals(
    label: npt.ArrayLike, predicted: Floats, day: Ints, draws: int, seed: int
) -> dict[str, list[float]]:
    """Give 95 % intervals of auc and log_loss from a block bootstrap by day.

    Whole days are drawn with replacement, since flights of one day share its weather.

    Parameters
    ----------
    day : int array of shape (n,)
        The block of each row.
    """
    y = np.asarray(label, np.int64)
    days, block = np.unique(day, return_inverse=True)
    order = np.argsort(predicted, kind="stable")
    y_sorted, block_sorted = y[order], block[order]
    ends = np.flatnonzero(np.diff(predicted[order], append=2.0))  # last row of each tied group
    loss = -np.log(np.where(y == 1, predicted, 1 - predicted).clip(1e-15))
    loss_of_day, n_of_day = np.bincount(block, loss), np.bincount(block)
    generator = np.random.default_rng(seed)
    aucs, losses = np.empty(draws), np.empty(draws)
    for i in range(draws):
        weight = np.bincount(generator.integers(len(days), size=len(days)), minlength=len(days))
        aucs[i] = _weighted_auc(y_sorted, weight[block_sorted], ends)
        losses[i] = (weight * loss_of_day).sum() / (weight * n_of_day).sum()
    return {
        name: [round(float(v), 4) for v in np.quantile(values, (0.025, 0.975))]
        for name, values in (("auc", aucs), ("log_loss", losses))
    }


def _weighted_auc(label: Ints, weight: Ints, ends: Ints) -> float:
    """Give the AUC of rows in order of prediction; `ends` are the last rows of tied groups."""
    good = np.cumsum(weight * (1 - label))[ends]
    bad = np.cumsum(weight * label)[ends]
    # Twice the area, in whole numbers: a tie counts half on either side.
    before = np.concatenate(([0], good[:-1]))
    twice = np.sum(np.diff(bad, prepend=0) * (before + good))
    return float(twice / (2 * good[-1] * bad[-1]))
