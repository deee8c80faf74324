"""The server computes the features that training saw from what was known, and predicts alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from flows.errors import GateError
from flows.features.columns import CATEGORIES, LABEL, NUMBERS
from flows.features.known_inputs import KNOWN, feature_numbers, known_from_features
from flows.models.onnx_model import onnx_predict, to_onnx
from flows.models.parity import check_parity, parity_rows
from flows.models.sklearn_model import SklearnModel
from flows.tables.feature_files import read_months
from serving.model.model import load_model
from serving.model.request import read_batch
from tests.serving.conftest import Rows, ServerProcess, Trained, as_rows

ROWS = 10_000


@pytest.fixture(scope="module")
def sample(known: pa.Table) -> pa.Array:
    return pa.array(np.sort(np.random.default_rng(7).choice(known.num_rows, ROWS, replace=False)))


def test_features_of_10_000_flights_are_those_of_the_training_table(
    known: pa.Table, features_root: Path, bundle: Path, trained: Trained, sample: pa.Array
) -> None:
    table = read_months(features_root, "2013-01", last="2013-12").take(sample)
    model = load_model(bundle)
    expected = trained.model.pipeline.predict_proba(
        table.select(trained.model.features).to_pandas()
    )
    bodies = {
        "rows": {"rows": as_rows(known.take(sample))},
        "columns": {"columns": _without_nan(known.take(sample).to_pydict())},
    }
    for body in bodies.values():
        batch, _ = read_batch(msgspec.json.encode(body), ROWS)
        for name, values in zip(CATEGORIES, batch.codes.T, strict=True):
            assert values.tolist() == table[name].to_pylist()
        for name, values in zip(NUMBERS, batch.numbers.T, strict=True):
            trained_on = table[name].to_numpy()
            assert np.array_equal(values, trained_on, equal_nan=True), name
            assert values.dtype == trained_on.dtype
        served = model.predict(batch.codes, batch.numbers)
        assert np.abs(served - expected[:, 1]).max() <= 1e-6


def _without_nan(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {n: [None if v != v else v for v in values] for n, values in columns.items()}  # noqa: PLR0124


def test_a_changed_feature_is_detected(
    known: pa.Table, features_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above fails when the server's features are not those of training."""
    table = read_months(features_root, "2013-11", last="2013-11").slice(0, 500)
    at = pa.array(np.arange(500) + read_months(features_root, "2013-01", last="2013-10").num_rows)
    rows = as_rows(known.take(at))
    batch, _ = read_batch(msgspec.json.encode({"rows": rows}), 500)
    name = list(NUMBERS).index("origin_late_3h")
    seen = table["origin_late_3h"].to_numpy()
    assert np.array_equal(batch.numbers[:, name], seen, equal_nan=True)
    for row in rows:
        row["origin_late_3h"] = (row["origin_late_3h"] or 0) * 0.999 + 0.0005
    batch, _ = read_batch(msgspec.json.encode({"rows": rows}), 500)
    assert not np.array_equal(batch.numbers[:, name], seen, equal_nan=True)


def test_the_server_predicts_as_the_model_does(
    server: ServerProcess, bundle: Path, rows: Rows
) -> None:
    model = load_model(bundle)
    batch, _ = read_batch(msgspec.json.encode({"rows": rows}), 1000)
    expected = model.predict(batch.codes, batch.numbers).tolist()
    assert server.request("POST", "/predict", {"rows": rows}).json["probabilities"] == expected
    one_by_one = [server.request("POST", "/predict", {"rows": [row]}).json for row in rows[:20]]
    assert [response["probabilities"][0] for response in one_by_one] == expected[:20]


def test_known_numbers_have_the_order_of_the_features() -> None:
    """`feature_numbers` copies them as a block, so the order is part of the definition."""
    names = [n for n in NUMBERS if n not in ("departure_min", "weekday", "block_min")]
    assert list(KNOWN) == [n.replace("pressure_change_3h", "pressure_3h_before") for n in names]
    assert list(NUMBERS)[:3] == ["departure_min", "weekday", "block_min"]
    assert tuple(CATEGORIES) == ("carrier", "origin", "dest")


def test_features_by_hand() -> None:
    """A flight on Friday 20 December 2013, 17:30 to 00:15, in rain that raised the pressure."""
    known = dict.fromkeys(KNOWN, 0.0) | {"all_delay_24h": -4.0, "precip": 0.25}
    known |= {"pressure": 1003.0, "pressure_3h_before": 1001.5}
    leaves = np.datetime64("2013-12-20T17:30", "m").astype(np.int64)
    (numbers,) = feature_numbers(
        np.array([leaves]), np.array([15]), np.array([list(known.values())])
    )
    features = dict(zip(NUMBERS, numbers.tolist(), strict=True))
    assert features["departure_min"] == 17 * 60 + 30
    assert features["weekday"] == 4
    assert features["block_min"] == 6 * 60 + 45
    assert (features["all_delay_24h"], features["precip"], features["pressure_change_3h"]) == (
        -2,
        0.5,
        1.5,
    )
    back = dict(zip(KNOWN, known_from_features(numbers[None].astype(float))[0], strict=True))
    assert back == pytest.approx(known)


def test_onnx_agrees_with_scikit_learn_on_november_december_and_hostile_rows(
    trained: Trained,
) -> None:
    rows = parity_rows(trained.test.select(trained.model.features))
    assert rows.num_rows > trained.test.num_rows == 55_403
    expected = trained.model.pipeline.predict_proba(rows.to_pandas())[:, 1]
    served = onnx_predict(trained.content, rows)
    assert np.abs(served - expected).max() <= 1e-5
    assert ((served >= 0.5) == (expected >= 0.5)).all()


def test_a_model_with_native_categories_is_refused_by_the_gate(trained: Trained) -> None:
    """skl2onnx converts it without a word into another model."""
    features = trained.model.features
    train = trained.test.slice(0, 20_000)
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    codes = ColumnTransformer([("codes", encode, list(CATEGORIES))], remainder="passthrough")
    trees = HistGradientBoostingClassifier(
        max_iter=20, early_stopping=False, random_state=0, categorical_features=[0, 1, 2]
    )
    pipeline: Pipeline = make_pipeline(codes, trees)
    pipeline.fit(train.select(features).to_pandas(), train[LABEL].to_numpy())
    native = SklearnModel(pipeline, features)
    with pytest.raises(GateError, match="parity gate"):
        check_parity(to_onnx(native), native, trained.test.select(features), 1e-5)
