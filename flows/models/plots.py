"""The tables for `dvc plots`: one row per point, and a column with the name of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_curve

from flows.features.arrays import Floats, Ints

from .scores import reliability, score


class PlotTable(NamedTuple):
    """A small table, for `write_rows`."""

    header: tuple[str, ...]
    rows: list[tuple[object, ...]]


def roc_table(label: Ints, predicted: Mapping[str, Floats]) -> PlotTable:
    """Return each model's ROC curve at 101 shares of false positives."""
    grid = np.linspace(0, 1, 101)
    rows: list[tuple[object, ...]] = []
    for model, probabilities in predicted.items():
        false_share, true_share, _ = roc_curve(label, probabilities)
        curve = np.interp(grid, false_share, true_share)
        rows += [(model, f"{x:.2f}", f"{y:.4f}") for x, y in zip(grid, curve, strict=True)]
    return PlotTable(("model", "false_positive", "true_positive"), rows)


def reliability_table(label: Ints, predicted: Mapping[str, Floats]) -> PlotTable:
    """Return, for each model's bins of ten percent, the mean prediction and the observed share."""
    rows: list[tuple[object, ...]] = [
        (model, f"{p:.4f}", f"{y:.4f}", n)
        for model, probabilities in predicted.items()
        for p, y, n in reliability(label, probabilities)
    ]
    return PlotTable(("model", "predicted", "observed", "n"), rows)


def months_table(months: Mapping[str, tuple[Ints, Mapping[str, Floats]]]) -> PlotTable:
    """Return each model's AUC and log loss by month; `months` are labels and predictions."""
    rows: list[tuple[object, ...]] = []
    for month, (label, predicted) in months.items():
        for model, probabilities in predicted.items():
            scores = score(label, probabilities)
            rows.append((month, model, f"{scores['auc']:.4f}", f"{scores['log_loss']:.4f}"))
    return PlotTable(("month", "model", "auc", "log_loss"), rows)
