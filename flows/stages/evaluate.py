"""evaluate: the selected model on the test months, the back-test, plots, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import roc_curve

from .columns import LABEL
from .errors import GateError, StageError
from .files import read_json, write_json, write_rows
from .models import load
from .months import read_months
from .params import Gate, Params
from .scores import intervals, reliability, score

BASELINE = "rate_table"
Scores = dict[str, Any]


def evaluate(root: Path, params: Params) -> None:
    """Write models/evaluation: metrics.json and, for `dvc plots`, reliability, roc and months.

    Raises
    ------
    GateError
        The model is not good enough or too good; the files are written all the same, to look at.
    """
    windows = params.windows
    test = read_months("evaluate", root, windows.test_first, None, last=windows.test_last)
    selected = read_json(root / "models" / "selected" / "selection.json")["selected"]
    predicted = load(root / "models" / "selected").predict(test)
    baseline = load(root / "models" / "candidates" / BASELINE).predict(test)
    months = [_read_backtest(root, month) for month in params.backtest.months]
    pooled = pa.concat_tables(months)
    metrics: Scores = {
        "selected": selected,
        "test": _scores(test, predicted, params),
        "test_baseline": score(test[LABEL].to_numpy(), baseline),
        "test_late15_operated": _operated(test, predicted),
        "backtest": _scores(pooled, pooled[selected].to_numpy(), params),
        "backtest_baseline": score(pooled[LABEL].to_numpy(), pooled[BASELINE].to_numpy()),
    }
    folder = root / "models" / "evaluation"
    _write_plots(folder, test, {selected: predicted, BASELINE: baseline})
    _write_months(folder / "months.csv", dict(zip(params.backtest.months, months, strict=True)))
    write_json(folder / "metrics.json", metrics)
    gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)


def gate(model: Scores, baseline: Scores, limits: Gate) -> None:
    """Refuse a model that is no better than the baseline, badly calibrated, or has seen the answer.

    Parameters
    ----------
    model, baseline : dict
        What `score` gives, of the same flights.

    Raises
    ------
    GateError
        With every limit that does not hold: the figure, the limit and what it means.
    """
    max_loss = limits.max_log_loss_ratio * baseline["log_loss"]
    min_auc = baseline["auc"] + limits.min_auc_gain
    checks = [
        (
            model["log_loss"] <= max_loss,
            f"log loss {model['log_loss']:.4f} > {max_loss:.4f}:"
            f" not better than {limits.max_log_loss_ratio} x the rate table's",
        ),
        (
            model["auc"] >= min_auc,
            f"AUC {model['auc']:.4f} < {min_auc:.4f}:"
            f" not {limits.min_auc_gain} above the rate table's",
        ),
        (
            model["ece"] <= limits.max_ece,
            f"ECE {model['ece']:.4f} > {limits.max_ece}: the probabilities are off",
        ),
        (
            model["auc"] <= limits.max_auc,
            f"AUC {model['auc']:.4f} > {limits.max_auc}:"
            " too good to be true, a feature knows the outcome",
        ),
    ]
    if problems := [f"gate: {why}" for holds, why in checks if not holds]:
        raise GateError(
            "evaluate", problems, "look at models/evaluation; the model is not exported"
        )


def _scores(table: pa.Table, predicted: np.ndarray[Any, Any], params: Params) -> Scores:
    label, day = table[LABEL].to_numpy(), table["date"].to_numpy().astype(np.int64)
    settings = params.evaluate
    found = intervals(label, predicted, day, settings.bootstrap_draws, settings.seed)
    ends = {
        f"{name}_{end}": value
        for name, pair in found.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    return score(label, predicted) | ends


def _operated(table: pa.Table, predicted: np.ndarray[Any, Any]) -> Scores:
    """Score the same predictions as those of a late arrival, on the flights that took place."""
    took_place = table["operated"].to_numpy() == 1
    return score(table[LABEL].to_numpy()[took_place], predicted[took_place])


def _read_backtest(root: Path, month: str) -> pa.Table:
    path = root / "data" / "backtest" / f"{month}.parquet"
    if not path.exists():
        problem = f"data/backtest/{month}.parquet is missing"
        raise StageError("evaluate", [problem], f"dvc repro backtest@{month}")
    return pq.read_table(path, use_threads=False)


def _write_plots(folder: Path, test: pa.Table, models: dict[str, np.ndarray[Any, Any]]) -> None:
    label = test[LABEL].to_numpy()
    reliable: list[Sequence[object]] = []
    roc: list[Sequence[object]] = []
    for name, predicted in models.items():
        reliable += [[name, f"{p:.4f}", f"{y:.4f}", n] for p, y, n in reliability(label, predicted)]
        false_share, true_share, _ = roc_curve(label, predicted)
        grid = np.linspace(0, 1, 101)
        curve = np.interp(grid, false_share, true_share)
        roc += [[name, f"{x:.2f}", f"{y:.4f}"] for x, y in zip(grid, curve, strict=True)]
    write_rows(folder / "reliability.csv", ["model", "predicted", "observed", "n"], reliable)
    write_rows(folder / "roc.csv", ["model", "false_positive", "true_positive"], roc)


def _write_months(path: Path, months: dict[str, pa.Table]) -> None:
    rows: list[list[object]] = []
    for month, table in months.items():
        for name in table.column_names:
            if name in ("date", LABEL, "operated"):
                continue
            found = score(table[LABEL].to_numpy(), table[name].to_numpy())
            rows.append([month, name, f"{found['auc']:.4f}", f"{found['log_loss']:.4f}"])
    write_rows(path, ["month", "model", "auc", "log_loss"], rows)
