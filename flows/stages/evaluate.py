"""evaluate: the selected model on the test months, the back-test, plots, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.errors import StageError
from flows.features.arrays import Floats, Ints
from flows.features.columns import backtest_columns
from flows.models.candidates import load
from flows.models.gate import check_gate
from flows.models.plots import months_table, reliability_table, roc_table
from flows.models.results import Metrics, Scores, read_selected
from flows.models.scores import score, score_with_intervals
from flows.params import Candidate, Evaluate, Params, Windows
from flows.tables.feature_files import labels, read_month, read_months
from flows.tables.files import write_json, write_rows

BASELINE: Candidate = "rate_table"


class Predictions(NamedTuple):
    """Flights with their labels and the probabilities that each model predicts."""

    table: pa.Table
    label: Ints  # shape (n_flights,)
    probabilities: dict[str, Floats]  # by model; arrays of shape (n_flights,)


def evaluate(root: Path, params: Params) -> None:
    """Write models/evaluation: metrics.json and, for `dvc plots`, reliability, roc and months.

    Raises
    ------
    StageError
        A file is missing or damaged, or all flights of a score have the same label.
    GateError
        The model is not good enough or too good. The files are written first, for inspection.
    """
    selected = read_selected(root)
    if selected not in params.candidates:
        problem = f"models/selected: {selected} is not among the candidates {params.candidates}"
        raise StageError([problem], "run `dvc repro select`")
    test = _predict_test(root, selected, params.windows)
    tables = _read_backtests(root, params)
    months = {m: _backtest_predictions(table, params.candidates) for m, table in tables.items()}
    pooled = _backtest_predictions(pa.concat_tables(tables.values()), params.candidates)
    metrics: Metrics = {
        "selected": selected,
        "test": _score_with_intervals(test, selected, params.evaluate),
        "test_baseline": score(test.label, test.probabilities[BASELINE]),
        "test_late15_operated": _score_operated(test, selected),
        "backtest": _score_with_intervals(pooled, selected, params.evaluate),
        "backtest_baseline": score(pooled.label, pooled.probabilities[BASELINE]),
    }
    folder = root / "models" / "evaluation"
    write_rows(folder / "reliability.csv", *reliability_table(test.label, test.probabilities))
    write_rows(folder / "roc.csv", *roc_table(test.label, test.probabilities))
    by_month = {month: (flights.label, flights.probabilities) for month, flights in months.items()}
    write_rows(folder / "months.csv", *months_table(by_month))
    write_json(folder / "metrics.json", metrics)
    check_gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)


def _read_backtests(root: Path, params: Params) -> dict[str, pa.Table]:
    folder, columns = root / "data" / "backtest", backtest_columns(params.candidates)
    return {
        month: read_month(folder / f"{month}.parquet", month, columns)
        for month in params.backtest.months
    }


def _predict_test(root: Path, selected: Candidate, windows: Windows) -> Predictions:
    table = read_months(root, windows.test_first, last=windows.test_last)
    folders: dict[str, str] = {
        selected: "models/selected",
        BASELINE: f"models/candidates/{BASELINE}",
    }
    return _label(table, {n: load(root / folder).predict(table) for n, folder in folders.items()})


def _backtest_predictions(table: pa.Table, candidates: Sequence[Candidate]) -> Predictions:
    return _label(table, {name: table[name].to_numpy() for name in candidates})


def _label(table: pa.Table, probabilities: dict[str, Floats]) -> Predictions:
    return Predictions(table, labels(table, "score"), probabilities)


def _score_with_intervals(flights: Predictions, model: Candidate, params: Evaluate) -> Scores:
    day = flights.table["date"].to_numpy().astype(np.int64)
    draws, seed = params.bootstrap_draws, params.seed
    return score_with_intervals(flights.label, flights.probabilities[model], day, draws, seed)


def _score_operated(flights: Predictions, model: Candidate) -> Scores:
    """Score the same predictions on the flights that arrived: there, disrupted means late."""
    is_operated = pc.equal(flights.table["operated"], 1)
    label = labels(flights.table.filter(is_operated), "score the operated flights")
    return score(label, flights.probabilities[model][is_operated.to_numpy()])
