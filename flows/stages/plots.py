"""The tables behind the plots: one row a point, one column that names the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_curve

from .asof import Floats, Ints
from .scores import reliability, score


class PlotTable(NamedTuple):
    """A small table as text, for `write_rows`."""

    header: tuple[str, ...]
    rows: list[tuple[object, ...]]


def roc_table(label: Ints, predicted: Mapping[str, Floats]) -> PlotTable:
    """Give each model's ROC curve at 101 shares of false positives."""
    grid = np.linspace(0, 1, 101)
    rows: list[tuple[object, ...]] = []
    for model, probabilities in predicted.items():
        false_share, true_share, _ = roc_curve(label, probabilities)
        curve = np.interp(grid, false_share, true_share)
        rows += [(model, f"{x:.2f}", f"{y:.4f}") for x, y in zip(grid, curve, strict=True)]
    return PlotTable(("model", "false_positive", "true_positive"), rows)


def reliability_table(label: Ints, predicted: Mapping[str, Floats]) -> PlotTable:
    """Give, of each model's bins of ten percent, the mean prediction and the share that came."""
    rows: list[tuple[object, ...]] = [
        (model, f"{p:.4f}", f"{y:.4f}", n)
        for model, probabilities in predicted.items()
        for p, y, n in reliability(label, probabilities)
    ]
    return PlotTable(("model", "predicted", "observed", "n"), rows)


def months_table(months: Mapping[str, tuple[Ints, Mapping[str, Floats]]]) -> PlotTable:
    """Give each model's AUC and log loss by month; `months` are labels and predictions."""
    rows: list[tuple[object, ...]] = []
    for month, (label, predicted) in months.items():
        for model, probabilities in predicted.items():
            found = score(label, probabilities)
            rows.append((month, model, f"{found['auc']:.4f}", f"{found['log_loss']:.4f}"))
    return PlotTable(("month", "model", "auc", "log_loss"), rows)
