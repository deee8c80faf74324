"""evaluate: the selected model on the test months, the back-test, plots, and the gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .asof import Floats
from .columns import backtest_file
from .files import write_json, write_rows
from .gate import hold_gate
from .models import load
from .months import labels, read_months
from .params import Candidate, Evaluate, Params
from .parquet import read_table
from .plots import months_table, reliability_table, roc_table
from .results import Metrics, Scores, read_selected
from .scores import score, score_with_intervals

BASELINE: Candidate = "rate_table"
Predicted = dict[str, Floats]


def evaluate(root: Path, params: Params) -> None:
    """Write models/evaluation: metrics.json and, for `dvc plots`, reliability, roc and months.

    Raises
    ------
    GateError
        The model is not good enough or too good; the files are written all the same, to look at.
    """
    selected = read_selected(root)
    windows, models = params.windows, root / "models"
    test = read_months(root, windows.test_first, last=windows.test_last)
    predicted: Predicted = {
        selected: load(models / "selected").predict(test),
        BASELINE: load(models / "candidates" / BASELINE).predict(test),
    }
    backtests = {
        month: read_table(
            root / "data" / "backtest" / f"{month}.parquet", backtest_file(params.candidates)
        )
        for month in params.backtest.months
    }
    metrics = _metrics(selected, test, predicted, pa.concat_tables(backtests.values()), params)
    label = labels(test, "test")
    by_month = {
        month: (labels(table, "score the month"), _numpy(table, params.candidates))
        for month, table in backtests.items()
    }
    folder = models / "evaluation"
    write_rows(folder / "reliability.csv", *reliability_table(label, predicted))
    write_rows(folder / "roc.csv", *roc_table(label, predicted))
    write_rows(folder / "months.csv", *months_table(by_month))
    write_json(folder / "metrics.json", metrics)
    hold_gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)


def _metrics(
    selected: Candidate, test: pa.Table, predicted: Predicted, backtest: pa.Table, params: Params
) -> Metrics:
    # The same predictions as those of a late arrival, on the flights that took place.
    took_place = pc.equal(test["operated"], 1)
    operated = test.filter(took_place)
    backtested = _numpy(backtest, params.candidates)
    return {
        "selected": selected,
        "test": _scores(test, predicted[selected], params.evaluate),
        "test_baseline": score(labels(test, "test"), predicted[BASELINE]),
        "test_late15_operated": score(
            labels(operated, "test"), predicted[selected][took_place.to_numpy()]
        ),
        "backtest": _scores(backtest, backtested[selected], params.evaluate),
        "backtest_baseline": score(labels(backtest, "score"), backtested[BASELINE]),
    }


def _scores(table: pa.Table, predicted: Floats, params: Evaluate) -> Scores:
    day = table["date"].to_numpy().astype(np.int64)
    draws, seed = params.bootstrap_draws, params.seed
    return score_with_intervals(labels(table, "score"), predicted, day, draws, seed)


def _numpy(table: pa.Table, candidates: list[Candidate]) -> Predicted:
    return {name: table[name].to_numpy() for name in candidates}
