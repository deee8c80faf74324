"""How good predictions are; intervals respect that a bad day is bad for all its flights."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from .asof import Floats, Ints
from .results import Scores

_DECIMALS = 6


def score(label: Ints, predicted: Floats) -> Scores:
    """Score probabilities.

    Parameters
    ----------
    label : array of shape (n,)
        0 or 1; both occur, see `months.labels`.
    predicted : array of shape (n,)
        Probabilities of 1.

    Returns
    -------
    Scores
        auc, log_loss, pr_auc, brier, ece (ten bins of equal width), base_rate, all to six decimals;
        n. No intervals.
    """
    return {
        "auc": _rounded(roc_auc_score(label, predicted)),
        "log_loss": _rounded(log_loss(label, predicted)),
        "pr_auc": _rounded(average_precision_score(label, predicted)),
        "brier": _rounded(brier_score_loss(label, predicted)),
        "ece": _rounded(calibration_error(label, predicted)),
        "base_rate": _rounded(label.mean()),
        "n": len(label),
    }


def score_with_intervals(
    label: Ints, predicted: Floats, day: Ints, draws: int, seed: int
) -> Scores:
    """Add to `score` the 95 % intervals of auc and log_loss, to four decimals; see `bootstrap`."""
    aucs, losses = bootstrap(label, predicted, day, draws, seed)
    auc, loss = (np.quantile(drawn, (0.025, 0.975)).round(4).tolist() for drawn in (aucs, losses))
    return {
        **score(label, predicted),
        "auc_low": auc[0],
        "auc_high": auc[1],
        "log_loss_low": loss[0],
        "log_loss_high": loss[1],
    }


def reliability(label: Ints, predicted: Floats) -> list[tuple[float, float, int]]:
    """Give (mean prediction, share of 1, n) of each of ten bins of equal width that holds a row."""
    bins = np.minimum((predicted * 10).astype(np.int64), 9)
    rows = [bins == b for b in np.unique(bins)]
    return [(float(predicted[r].mean()), float(label[r].mean()), int(r.sum())) for r in rows]


def calibration_error(label: Ints, predicted: Floats) -> float:
    """Give the expected calibration error: the bins' gaps, weighted by their rows."""
    return sum(abs(p - y) * n for p, y, n in reliability(label, predicted)) / len(label)


def bootstrap(
    label: Ints, predicted: Floats, day: Ints, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Give the auc and the log loss of draws of whole days, with replacement.

    Flights of one day share its weather, so days are drawn and not flights. A draw in which all
    flights have one label has no auc and is left out.

    Parameters
    ----------
    day : int array of shape (n,)
        The day of each row.
    """
    days, block = np.unique(day, return_inverse=True)
    order = np.argsort(predicted, kind="stable")
    label_sorted, block_sorted = label[order], block[order]
    ends = np.flatnonzero(np.diff(predicted[order], append=2.0))  # last row of each tied group
    loss = -np.log(np.where(label == 1, predicted, 1 - predicted).clip(np.finfo(np.float64).eps))
    loss_of_day, n_of_day = np.bincount(block, loss), np.bincount(block)
    bad_of_day = np.bincount(block, label)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        weight = np.bincount(generator.integers(len(days), size=len(days)), minlength=len(days))
        n, n_bad = (weight * n_of_day).sum(), (weight * bad_of_day).sum()
        if 0 < n_bad < n:
            auc = _weighted_auc(label_sorted, weight[block_sorted], ends)
            drawn.append((auc, (weight * loss_of_day).sum() / n))
    aucs, losses = np.array(drawn).T
    return aucs, losses


def _weighted_auc(label: Ints, weight: Ints, ends: Ints) -> float:
    """Give the AUC of rows in order of prediction; `ends` are the last rows of tied groups."""
    good = np.cumsum(weight * (1 - label))[ends]
    bad = np.cumsum(weight * label)[ends]
    # Twice the area, in whole numbers: a tie counts half on either side.
    before = np.concatenate(([0], good[:-1]))
    twice = np.sum(np.diff(bad, prepend=0) * (before + good))
    return float(twice / (2 * good[-1] * bad[-1]))


def _rounded(value: float) -> float:
    return round(float(value), _DECIMALS)
