"""The gates: a model with a leak, one that is not good enough, one that ONNX changes."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from flows.errors import GateError, StageError
from flows.features.columns import CATEGORIES, FEATURES, FORBIDDEN
from flows.models.candidates import Model, fit
from flows.models.gate import check_gate
from flows.models.onnx_model import to_onnx
from flows.models.parity import check_parity
from flows.models.results import Scores
from flows.models.scores import score
from flows.models.sklearn_model import SklearnModel
from flows.params import Candidate, Params
from flows.tables.feature_files import labels, read_months


@pytest.fixture(scope="session")
def months(small_features: Path) -> pa.Table:
    """Every 25th flight of the year."""
    return read_months(small_features, last="2013-12")


def departure_delays(months: pa.Table, flights: pa.Table) -> pa.Array:
    """Return the departure delay of each flight of `months` in minutes, NaN if cancelled."""
    hour_s, minute_s = flights["time_hour"].cast(pa.int64()), pc.multiply(flights["minute"], 60)
    departure = pc.multiply(pc.add(hour_s, minute_s), 1000).cast(pa.timestamp("ms", tz="UTC"))
    key = ["departure_utc", "carrier", "flight", "origin"]
    delays = flights.append_column("departure_utc", departure).select([*key, "dep_delay"])
    numbered = months.select(key).append_column("row", pa.array(np.arange(len(months))))
    merge_units = numbered.join(delays, key).sort_by("row")
    assert merge_units.num_rows == len(months)
    return merge_units["dep_delay"].combine_chunks()


def score_second_half(table: pa.Table, params: Params) -> tuple[Scores, Scores]:
    """Return the scores of hgb and of the rate table on the second half, fitted on the first."""
    half = table.num_rows // 2
    train, test = table.slice(0, half).combine_chunks(), table.slice(half).combine_chunks()
    label = labels(test, "test")
    hgb = score(label, fit("hgb", train, params.models).predict(test))
    return hgb, score(label, fit("rate_table", train, params.models).predict(test))


def test_the_departure_delay_instead_of_a_feature_exceeds_the_highest_auc(
    months: pa.Table, flights: pa.Table, params: Params
) -> None:
    delay = departure_delays(months, flights).cast(pa.float32())
    leaky = months.set_column(months.column_names.index("visib"), "visib", delay)
    limits = params.evaluate.gate
    leaky_scores, base = score_second_half(leaky, params)
    assert leaky_scores["auc"] > limits.max_auc
    with pytest.raises(GateError, match="too good to be true"):
        check_gate(leaky_scores, base, limits)
    honest, _ = score_second_half(months, params)
    assert honest["auc"] < limits.max_auc


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("candidate", ["hgb", "logistic"])
def test_every_candidate_refuses_a_forbidden_column(
    months: pa.Table, params: Params, candidate: Candidate, name: str
) -> None:
    with pytest.raises(StageError, match=f"column {name} must not be a feature"):
        fit(candidate, months, params.models, [*FEATURES, name])


BASE: Scores = {
    "auc": 0.62,
    "log_loss": 0.57,
    "pr_auc": 0.5,
    "brier": 0.2,
    "ece": 0.02,
    "base_rate": 0.25,
    "n": 1000,
}
GOOD: Scores = {**BASE, "auc": 0.73, "log_loss": 0.5}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"log_loss": 0.56}, "not better than"),
        ({"auc": 0.66}, "above the rate table"),
        ({"ece": 0.06}, "probabilities are not calibrated"),
        ({"auc": 0.86}, "too good to be true"),
    ],
)
def test_each_limit_of_the_gate_holds(params: Params, change: dict[str, float], why: str) -> None:
    check_gate(GOOD, BASE, params.evaluate.gate)
    with pytest.raises(GateError, match=why):
        check_gate(cast("Scores", {**GOOD, **change}), BASE, params.evaluate.gate)


def check_parity_with(model: Model, other: Model, months: pa.Table) -> dict[str, Any]:
    """Compare `model` with the ONNX form of `other`."""
    assert isinstance(model, SklearnModel)
    assert isinstance(other, SklearnModel)
    return check_parity(to_onnx(other), model, months.select(model.features).slice(0, 500), 1e-5)


def test_onnx_agrees_with_scikit_learn_and_another_model_is_refused(
    months: pa.Table, params: Params
) -> None:
    hgb, logistic = fit("hgb", months, params.models), fit("logistic", months, params.models)
    assert check_parity_with(hgb, hgb, months)["flipped_labels"] == 0
    assert check_parity_with(logistic, logistic, months)["flipped_labels"] == 0
    with pytest.raises(GateError, match=r"differ by .* > 1e-05"):
        check_parity_with(hgb, logistic, months)


def test_native_categories_which_onnx_gets_wrong_are_refused(months: pa.Table) -> None:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    pipeline = make_pipeline(
        ColumnTransformer([("codes", encode, list(CATEGORIES))], remainder="passthrough"),
        HistGradientBoostingClassifier(
            max_iter=10, random_state=0, categorical_features=range(len(CATEGORIES))
        ),
    )
    pipeline.fit(months.select(FEATURES).to_pandas(), labels(months, "fit"))
    model = SklearnModel(pipeline, FEATURES)
    with pytest.raises(GateError, match=r"parity gate: ONNX and scikit-learn differ by 0\."):
        check_parity_with(model, model, months)


def test_trees_that_never_split_pass_the_parity_gate(months: pa.Table, params: Params) -> None:
    few = months.slice(0, 900)  # too few for two leaves of 500 flights
    model = fit("hgb", few, params.models)
    assert isinstance(model, SklearnModel)
    assert {len(tree.nodes) for (tree,) in model.pipeline[-1]._predictors} == {1}
    assert check_parity_with(model, model, few)["flipped_labels"] == 0


def test_a_model_without_an_onnx_form_is_refused(months: pa.Table) -> None:
    pipeline = make_pipeline(
        ColumnTransformer([], remainder="passthrough"), DummyClassifier(strategy="prior")
    )
    pipeline.fit(months.select(["visib"]).to_pandas(), labels(months, "fit"))
    with pytest.raises(StageError, match="DummyClassifier to ONNX: "):
        to_onnx(SklearnModel(pipeline, ["visib"]))
