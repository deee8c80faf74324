"""The months that each stage learns from, its scores, and the candidate that it selects."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from flows.errors import GateError
from flows.models.candidates import fit, load
from flows.models.onnx_model import to_onnx
from flows.models.parity import check_parity
from flows.models.rate_table import RateTable
from flows.models.scores import reliability, score, score_with_intervals
from flows.models.sklearn_model import SklearnModel
from flows.params import Params
from flows.pipeline import run_stage
from flows.tables.feature_files import labels, read_months, read_months_before
from tests.flows.stage_runs import stage_error


def read_json(file: Path) -> Any:
    return json.loads(file.read_text())


def test_a_candidate_is_scored_on_months_that_it_has_not_seen_and_kept_fitted_on_them_too(
    model_root: Path, params: Params
) -> None:
    prior, windows = params.models.rate_table.prior_flights, params.windows
    early = RateTable.fit(read_months_before(model_root, windows.valid_first), prior)
    valid = read_months_before(model_root, windows.test_first, windows.valid_first)
    folder = model_root / "models/candidates/rate_table"
    assert read_json(folder / "valid.json") == score(labels(valid, "score"), early.predict(valid))
    final = RateTable.fit(read_months_before(model_root, windows.test_first), prior)
    assert RateTable.load(folder) == final != early


@pytest.mark.parametrize("month", ["2013-07", "2013-12"])
def test_a_month_of_the_backtest_is_predicted_from_all_earlier_months_only(
    model_root: Path, params: Params, month: str
) -> None:
    before = read_months_before(model_root, month)
    flights = read_months(model_root, month, last=month)
    assert str(pc.max(before["date"])) < f"{month}-01"
    table = pq.read_table(model_root / f"data/backtest/{month}.parquet")
    for name in params.candidates:
        expected = fit(name, before, params.models).predict(flights)
        assert np.array_equal(table[name].to_numpy(), expected)


@pytest.mark.parametrize("best", ["hgb", "logistic", "rate_table"])
def test_the_candidate_with_the_lowest_log_loss_is_selected_independent_of_other_scores(
    model_root: Path, params: Params, best: str
) -> None:
    for name in params.candidates:
        file = model_root / f"models/candidates/{name}/valid.json"
        if name == best:
            other = {"log_loss": 0.4, "brier": 0.3, "auc": 0.5}
        else:
            other = {"log_loss": 0.5, "brier": 0.1, "auc": 0.9}
        file.write_text(json.dumps(read_json(file) | other))
    run_stage(model_root, params, "select")
    selected, candidate = model_root / "models/selected", model_root / "models/candidates" / best
    assert read_json(selected / "selection.json")["selected"] == best
    copy = {f.name: f.read_bytes() for f in selected.iterdir() if f.name != "selection.json"}
    original = {f.name: f.read_bytes() for f in candidate.iterdir() if f.name != "valid.json"}
    assert copy == original


@pytest.fixture
def evaluated(model_root: Path, easy_gate: Params) -> Path:
    run_stage(model_root, easy_gate, "evaluate")
    return model_root


def days(table: pa.Table) -> Any:
    return table["date"].to_numpy().astype(np.int64)


def test_metrics_are_those_of_the_selected_model_and_of_the_rate_table(
    evaluated: Path, easy_gate: Params
) -> None:
    metrics, settings = read_json(evaluated / "models/evaluation/metrics.json"), easy_gate.evaluate
    selected = metrics["selected"]
    test = read_months(evaluated, easy_gate.windows.test_first, last=easy_gate.windows.test_last)
    pooled = pa.concat_tables(
        pq.read_table(evaluated / f"data/backtest/{m}.parquet") for m in easy_gate.backtest.months
    )
    model = load(evaluated / "models/selected").predict(test)
    baseline = load(evaluated / "models/candidates/rate_table").predict(test)
    arrived = test["operated"].to_numpy() == 1
    label, pooled_label = (labels(table, "score") for table in (test, pooled))
    draws = settings.bootstrap_draws, settings.seed
    assert metrics == {
        "selected": selected,
        "test": score_with_intervals(label, model, days(test), *draws),
        "test_baseline": score(label, baseline),
        "test_late15_operated": score(label[arrived], model[arrived]),
        "backtest": score_with_intervals(
            pooled_label, pooled[selected].to_numpy(), days(pooled), *draws
        ),
        "backtest_baseline": score(pooled_label, pooled["rate_table"].to_numpy()),
    }


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open() as lines:
        return list(csv.DictReader(lines))


def test_the_plots_show_the_predictions_of_each_model(evaluated: Path, easy_gate: Params) -> None:
    folder = evaluated / "models/evaluation"
    july = pq.read_table(evaluated / "data/backtest/2013-07.parquet")
    row_of = {
        row["model"]: row for row in read_rows(folder / "months.csv") if row["month"] == "2013-07"
    }
    for name in easy_gate.candidates:
        scores = score(labels(july, "score"), july[name].to_numpy())
        assert row_of[name]["auc"] == f"{scores['auc']:.4f}"
        assert row_of[name]["log_loss"] == f"{scores['log_loss']:.4f}"

    windows = easy_gate.windows
    test = read_months(evaluated, windows.test_first, last=windows.test_last)
    predicted = load(evaluated / "models/selected").predict(test)
    of_model = [
        row for row in read_rows(folder / "reliability.csv") if row["model"] != "rate_table"
    ]
    bins = reliability(labels(test, "score"), predicted)
    assert [(row["predicted"], row["observed"], row["n"]) for row in of_model] == [
        (f"{p:.4f}", f"{share:.4f}", str(n)) for p, share, n in bins
    ]

    curve = [row for row in read_rows(folder / "roc.csv") if row["model"] != "rate_table"]
    area = np.trapezoid(
        [float(row["true_positive"]) for row in curve],
        [float(row["false_positive"]) for row in curve],
    )
    metrics = read_json(folder / "metrics.json")
    assert area == pytest.approx(metrics["test"]["auc"], abs=0.01)


def test_a_model_that_fails_the_gate_is_not_exported_even_by_export_alone(
    model_root: Path, params: Params, easy_gate: Params
) -> None:
    gate = easy_gate.evaluate.gate.model_copy(update={"max_ece": 1e-9})
    evaluate = easy_gate.evaluate.model_copy(update={"gate": gate})
    strict = easy_gate.model_copy(update={"evaluate": evaluate})
    for stage in ("evaluate", "export"):
        assert "gate: ECE " in stage_error(model_root, strict, stage)
    assert (model_root / "models/evaluation/metrics.json").exists()
    assert not (model_root / "models/bundle").exists()


def test_drift_is_measured_against_the_months_that_the_model_was_fitted_on(
    evaluated: Path, easy_gate: Params
) -> None:
    run_stage(evaluated, easy_gate, "export")
    train = read_months_before(evaluated, easy_gate.windows.test_first)
    reference = read_json(evaluated / "models/bundle/model.json")["reference"]
    origins = {v["values"]: v["counts"] for v in train["origin"].value_counts().to_pylist()}
    assert reference["origin"]["counts"] == origins
    assert sum(reference["probability"]["counts"]) == train.num_rows


def test_a_flipped_label_is_refused_however_small_the_difference(
    model_root: Path, params: Params
) -> None:
    table = read_months(model_root, "2013-07", last="2013-08")
    one, other = (fit(name, table, params.models) for name in ("hgb", "logistic"))
    assert isinstance(one, SklearnModel)
    assert isinstance(other, SklearnModel)
    with pytest.raises(GateError, match=r"parity gate: \d+ of \d+ labels flipped"):
        check_parity(to_onnx(other), one, table.select(one.features), 1.0)


@pytest.mark.parametrize(
    ("file", "source", "stage", "expected"),
    [
        ("data/features/2013-05.parquet", "2013-12", "train@rate_table", "date = 2013-12-01"),
        ("data/features/2013-12.parquet", "2013-05", "evaluate", "date = 2013-05-01"),
        ("data/backtest/2013-08.parquet", "2013-07", "evaluate", "date = 2013-07-01"),
    ],
)
def test_a_file_of_another_month_than_its_name_says_is_refused(
    model_root: Path, params: Params, file: str, source: str, stage: str, expected: str
) -> None:
    shutil.copyfile((model_root / file).with_name(f"{source}.parquet"), model_root / file)
    text = stage_error(model_root, params, stage)
    assert f"{file}: row 1 has {expected}: the file is for {Path(file).stem}" in text


def test_a_duplicate_flight_is_refused(model_root: Path, params: Params) -> None:
    file = model_root / "data/features/2013-05.parquet"
    table = pq.read_table(file)
    pq.write_table(pa.concat_tables([table, table.slice(4, 1)]), file)
    text = stage_error(model_root, params, "train@rate_table")
    assert f"2013-05.parquet: row {table.num_rows + 1} has departure_utc = " in text
    assert "it repeats an earlier row" in text
