"""The gates: a model that has seen the answer, is not good enough, or is another one as ONNX."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from flows.stages.columns import CATEGORIES, FEATURES, FORBIDDEN
from flows.stages.errors import GateError, StageError
from flows.stages.export import check_parity
from flows.stages.gate import hold_gate
from flows.stages.models import SklearnModel, fit
from flows.stages.months import labels, read_months
from flows.stages.onnx_model import to_onnx
from flows.stages.scores import score


@pytest.fixture(scope="session")
def months(small_features):
    """Every 25th flight of the year."""
    return read_months(small_features, last="2013-12")


def departure_delays(months: pa.Table, flights: pa.Table) -> pa.Array:
    """Give the departure delay of each flight of `months`, in minutes; NaN if it did not depart."""
    hour_s, minute_s = flights["time_hour"].cast(pa.int64()), pc.multiply(flights["minute"], 60)
    departure = pc.multiply(pc.add(hour_s, minute_s), 1000).cast(pa.timestamp("ms", tz="UTC"))
    key = ["departure_utc", "carrier", "flight", "origin"]
    delays = flights.append_column("departure_utc", departure).select([*key, "dep_delay"])
    numbered = months.select(key).append_column("row", pa.array(np.arange(len(months))))
    joined = numbered.join(delays, key).sort_by("row")
    assert joined.num_rows == len(months)
    return joined["dep_delay"].combine_chunks()


def scores_of_halves(table: pa.Table, params):
    """Give the scores of hgb and of the rate table on the second half, fitted on the first."""
    half = table.num_rows // 2
    train, test = table.slice(0, half).combine_chunks(), table.slice(half).combine_chunks()
    label = labels(test, "test")
    return [
        score(label, fit(name, train, params.models).predict(test))
        for name in ("hgb", "rate_table")
    ]


def test_the_departure_delay_in_the_place_of_a_feature_trips_the_ceiling(months, flights, params):
    delay = departure_delays(months, flights).cast(pa.float32())
    leaky = months.set_column(months.column_names.index("visib"), "visib", delay)
    limits = params.evaluate.gate
    found, base = scores_of_halves(leaky, params)
    assert found["auc"] > limits.max_auc
    with pytest.raises(GateError, match="too good to be true"):
        hold_gate(found, base, limits)
    honest, _ = scores_of_halves(months, params)
    assert honest["auc"] < limits.max_auc


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("candidate", ["hgb", "logistic"])
def test_a_forbidden_column_is_no_feature_of_any_candidate(months, params, candidate, name):
    with pytest.raises(StageError, match=f"column {name} may not be a feature"):
        fit(candidate, months, params.models, [*FEATURES, name])


GOOD = {"auc": 0.73, "log_loss": 0.5, "ece": 0.02}
BASE = {"auc": 0.62, "log_loss": 0.57, "ece": 0.02}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"log_loss": 0.56}, "not better than"),
        ({"auc": 0.66}, "above the rate table"),
        ({"ece": 0.06}, "probabilities are off"),
        ({"auc": 0.86}, "too good to be true"),
    ],
)
def test_each_limit_of_the_gate_holds(params, change, why):
    hold_gate(GOOD, BASE, params.evaluate.gate)
    with pytest.raises(GateError, match=why):
        hold_gate({**GOOD, **change}, BASE, params.evaluate.gate)


def parity(model: SklearnModel, other: SklearnModel, months: pa.Table):
    """Compare `model` with the ONNX form of `other`."""
    return check_parity(to_onnx(other), model, months.select(model.features).slice(0, 500), 1e-5)


def test_onnx_agrees_with_scikit_learn_and_another_model_is_refused(months, params):
    hgb, logistic = (fit(name, months, params.models) for name in ("hgb", "logistic"))
    assert parity(hgb, hgb, months)["flipped_labels"] == 0
    assert parity(logistic, logistic, months)["flipped_labels"] == 0
    with pytest.raises(GateError, match=r"differ by .* > 1e-05"):
        parity(hgb, logistic, months)


def test_native_categories_which_onnx_gets_wrong_are_refused(months):
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
        parity(model, model, months)


def test_trees_that_never_split_pass_the_parity_gate(months, params):
    few = months.slice(0, 900)  # too few for two leaves of 500 flights
    model = fit("hgb", few, params.models)
    assert {len(tree.nodes) for (tree,) in model.pipeline[-1]._predictors} == {1}
    assert parity(model, model, few)["flipped_labels"] == 0


def test_a_model_without_an_onnx_form_is_refused(months):
    pipeline = make_pipeline(
        ColumnTransformer([], remainder="passthrough"), DummyClassifier(strategy="prior")
    )
    pipeline.fit(months.select(["visib"]).to_pandas(), labels(months, "fit"))
    with pytest.raises(StageError, match="DummyClassifier to ONNX: "):
        to_onnx(SklearnModel(pipeline, ["visib"]))
