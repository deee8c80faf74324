"""evaluate: the selected model on the test months, the back-test, plots, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .asof import Floats, Ints
from .columns import backtest_file
from .errors import StageError
from .files import write_json, write_rows
from .gate import hold_gate
from .models import load
from .months import labels, read_month, read_months
from .params import Candidate, Evaluate, Params, Windows
from .plots import months_table, reliability_table, roc_table
from .results import Metrics, Scores, read_selected
from .scores import score, score_with_intervals

BASELINE: Candidate = "rate_table"


class Predicted(NamedTuple):
    """What came of flights, and what each model said before."""

    table: pa.Table
    label: Ints
    models: dict[str, Floats]  # arrays of shape (n_flights,)


def evaluate(root: Path, params: Params) -> None:
    """Write models/evaluation: metrics.json and, for `dvc plots`, reliability, roc and months.

    Raises
    ------
    StageError
        A file that is read is missing or damaged, or flights to be scored all have one label.
    GateError
        The model is not good enough or too good; the files are written all the same, to look at.
    """
    selected = read_selected(root)
    if selected not in params.candidates:
        problem = f"models/selected: {selected} is not among the candidates {params.candidates}"
        raise StageError([problem], "dvc repro select")
    test = _test(root, selected, params.windows)
    backtests = {
        month: read_month(
            root / "data" / "backtest" / f"{month}.parquet", month, backtest_file(params.candidates)
        )
        for month in params.backtest.months
    }
    months = {m: _backtest(table, params.candidates) for m, table in backtests.items()}
    pooled = _backtest(pa.concat_tables(backtests.values()), params.candidates)
    metrics: Metrics = {
        "selected": selected,
        "test": _with_intervals(test, selected, params.evaluate),
        "test_baseline": score(test.label, test.models[BASELINE]),
        "test_late15_operated": _operated(test, selected),
        "backtest": _with_intervals(pooled, selected, params.evaluate),
        "backtest_baseline": score(pooled.label, pooled.models[BASELINE]),
    }
    folder = root / "models" / "evaluation"
    write_rows(folder / "reliability.csv", *reliability_table(test.label, test.models))
    write_rows(folder / "roc.csv", *roc_table(test.label, test.models))
    by_month = {month: (found.label, found.models) for month, found in months.items()}
    write_rows(folder / "months.csv", *months_table(by_month))
    write_json(folder / "metrics.json", metrics)
    hold_gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)


def _test(root: Path, selected: Candidate, windows: Windows) -> Predicted:
    table = read_months(root, windows.test_first, last=windows.test_last)
    folders = {selected: "models/selected", BASELINE: f"models/candidates/{BASELINE}"}
    return _predicted(table, {n: load(root / f).predict(table) for n, f in folders.items()})


def _backtest(table: pa.Table, candidates: Sequence[Candidate]) -> Predicted:
    return _predicted(table, {name: table[name].to_numpy() for name in candidates})


def _predicted(table: pa.Table, models: dict[str, Floats]) -> Predicted:
    return Predicted(table, labels(table, "score"), models)


def _with_intervals(flights: Predicted, model: Candidate, params: Evaluate) -> Scores:
    day = flights.table["date"].to_numpy().astype(np.int64)
    draws, seed = params.bootstrap_draws, params.seed
    return score_with_intervals(flights.label, flights.models[model], day, draws, seed)


def _operated(flights: Predicted, model: Candidate) -> Scores:
    """Score the same predictions as those of a late arrival, on the flights that arrived."""
    arrived = pc.equal(flights.table["operated"], 1)
    label = labels(flights.table.filter(arrived), "score those that arrived")
    return score(label, flights.models[model][arrived.to_numpy()])
