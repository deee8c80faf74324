"""What a stage reads of a model and its scores: damage is refused with stage, file and value."""

import json
import shutil

import pytest

from flows.stages.columns import FORBIDDEN
from flows.stages.run import run_stage
from tests.flows.refusals import half, refusal


@pytest.mark.parametrize("damage", [half, lambda _: b"", lambda _: b'{"a": 1}', lambda _: b"\xff"])
@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("models/candidates/hgb/valid.json", "select"),
        ("models/selected/selection.json", "evaluate"),
        ("models/selected/model.json", "evaluate"),
        ("models/candidates/rate_table/rates.json", "evaluate"),
        ("models/evaluation/metrics.json", "export"),
    ],
)
def test_damaged_json_is_named(model_root, easy_gate, file, stage, damage):
    run_stage(model_root, easy_gate, "evaluate")
    path = model_root / file
    path.write_bytes(damage(path.read_bytes()))
    assert f"stage {stage}: {file}: " in refusal(model_root, easy_gate, stage)


@pytest.mark.parametrize("value", ["low", None, 2, float("nan"), "0.7", True])
def test_a_wrong_value_in_json_is_named(model_root, params, value):
    path = model_root / "models/candidates/hgb/valid.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auc": value}))
    text = refusal(model_root, params, "select")
    assert f"models/candidates/hgb/valid.json: auc = {value!r}: " in text


def test_a_candidate_that_was_not_trained_is_named(model_root, params):
    shutil.rmtree(model_root / "models/candidates/logistic")
    assert "models/candidates/logistic/valid.json: No such file" in refusal(
        model_root, params, "select"
    )


def test_a_selected_model_that_is_no_candidate_is_refused(model_root, params):
    others = params.model_copy(update={"candidates": ["logistic", "rate_table"]})
    assert "models/selected: hgb is not among the candidates" in refusal(
        model_root, others, "evaluate"
    )


@pytest.mark.parametrize("column", [*FORBIDDEN, "unheard_of"])
def test_a_stored_model_that_reads_what_may_not_be_a_feature_is_refused(model_root, params, column):
    path = model_root / "models/selected/model.json"
    seal = json.loads(path.read_text())
    path.write_text(json.dumps(seal | {"features": [*seal["features"], column]}))
    text = refusal(model_root, params, "evaluate")
    assert f"models/selected/model.json: column {column} " in text


@pytest.mark.parametrize("change", [lambda f: f[1:], lambda f: [*f, f[0]], lambda _: []])
def test_a_stored_model_that_was_fitted_on_other_features_is_refused(model_root, params, change):
    path = model_root / "models/selected/model.json"
    seal = json.loads(path.read_text())
    path.write_text(json.dumps(seal | {"features": change(seal["features"])}))
    text = refusal(model_root, params, "evaluate")
    assert "models/selected/model.json: features are not those that the model was fitted on" in text
