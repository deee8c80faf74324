"""Damage to a model or its scores is an error that names stage, file and value."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.features.columns import FORBIDDEN
from flows.params import Params
from flows.pipeline import run_stage
from tests.flows.stage_runs import first_half, stage_error


@pytest.mark.parametrize(
    "damage", [first_half, lambda _: b"", lambda _: b'{"a": 1}', lambda _: b"\xff"]
)
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
def test_damaged_json_is_named(
    model_root: Path, easy_gate: Params, file: str, stage: str, damage: Callable[[bytes], bytes]
) -> None:
    run_stage(model_root, easy_gate, "evaluate")
    path = model_root / file
    path.write_bytes(damage(path.read_bytes()))
    assert f"stage {stage}: {file}: " in stage_error(model_root, easy_gate, stage)


@pytest.mark.parametrize("value", ["low", None, 2, float("nan"), "0.7", True])
def test_a_wrong_value_in_json_is_named(model_root: Path, params: Params, value: Any) -> None:
    path = model_root / "models/candidates/hgb/valid.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auc": value}))
    text = stage_error(model_root, params, "select")
    assert f"models/candidates/hgb/valid.json: auc = {value!r}: " in text


def test_a_candidate_that_was_not_trained_is_named(model_root: Path, params: Params) -> None:
    shutil.rmtree(model_root / "models/candidates/logistic")
    assert "models/candidates/logistic/valid.json: No such file" in stage_error(
        model_root, params, "select"
    )


def test_a_selected_model_that_is_not_a_candidate_is_refused(
    model_root: Path, params: Params
) -> None:
    others = params.model_copy(update={"candidates": ["logistic", "rate_table"]})
    assert "models/selected: hgb is not among the candidates" in stage_error(
        model_root, others, "evaluate"
    )


@pytest.mark.parametrize("column", [*FORBIDDEN, "unheard_of"])
def test_a_stored_model_that_reads_a_forbidden_column_is_refused(
    model_root: Path, params: Params, column: str
) -> None:
    path = model_root / "models/selected/model.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"features": [*metadata["features"], column]}))
    text = stage_error(model_root, params, "evaluate")
    assert f"models/selected/model.json: column {column} " in text


@pytest.mark.parametrize("change", [lambda f: f[1:], lambda f: [*f, f[0]], lambda _: []])
def test_a_stored_model_that_was_fitted_on_other_features_is_refused(
    model_root: Path, params: Params, change: Any
) -> None:
    path = model_root / "models/selected/model.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"features": change(metadata["features"])}))
    text = stage_error(model_root, params, "evaluate")
    assert "models/selected/model.json: features are not those that the model was fitted on" in text
