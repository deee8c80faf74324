"""Damage to a file of another stage is an error that names stage, file, column and value."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.params import Params
from flows.pipeline import run_stage
from tests.flows.stage_runs import first_half, run_main, stage_error

MARCH = "data/features/2013-03.parquet"
JULY = "data/backtest/2013-07.parquet"


def replace_column(file: Path, column: str, values: pa.Array) -> None:
    """Replace a column of a parquet file."""
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), file)


def replace_value(file: Path, column: str, value: float, row: int) -> None:
    """Replace one value in a parquet file; rows count from 1."""
    column_values = pq.read_table(file)[column]
    values = column_values.to_numpy().copy()
    values[row - 1] = value
    replace_column(file, column, pa.array(values, column_values.type))


def set_label(file: Path, label: int) -> None:
    """Set the label of all flights of a parquet file."""
    replace_column(file, "disrupted", pa.array([label] * pq.read_table(file).num_rows, pa.int8()))


def test_the_small_models_can_be_evaluated_and_exported(
    model_root: Path, easy_gate: Params
) -> None:
    run_stage(model_root, easy_gate, "evaluate")
    run_stage(model_root, easy_gate, "export")
    assert (model_root / "models/bundle/model.onnx").exists()


@pytest.mark.parametrize("stage", ["train@hgb", "train@logistic", "train@rate_table"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_in_a_feature_is_refused_whatever_the_candidate(
    small_root: Path, params: Params, stage: str, value: Any
) -> None:
    replace_value(small_root / MARCH, "visib", value, row=7)
    text = stage_error(small_root, params, stage)
    assert f"{MARCH}: column visib = {value:g} in row 7: not a finite number" in text
    assert not (small_root / "models").exists()


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("distance_mi", np.nan, "column distance_mi is empty in 1 rows, first 3"),
        ("disrupted", 2, "column disrupted = 2 in row 3: outside 0 to 1"),
        ("operated", -1, "column operated = -1 in row 3: outside 0 to 1"),
        ("dest_rate", 7, "column dest_rate = 7 in row 3: outside 0 to 1"),
        ("departure_min", -5, "column departure_min = -5 in row 3: outside 0 to 1439"),
    ],
)
def test_an_invalid_value_is_named(
    small_root: Path, params: Params, column: str, value: Any, expected: str
) -> None:
    replace_value(small_root / MARCH, column, value, row=3)
    assert f"{MARCH}: {expected}" in stage_error(small_root, params, "train@hgb")


@pytest.mark.parametrize(
    ("column", "wrong", "expected"),
    [
        ("visib", "text", "column visib is of type string, should be float"),
        ("visib", "float64", "column visib is of type double, should be float"),
        ("carrier", "float64", "column carrier is of type double, should be string"),
        ("date", "text", "column date is of type string, should be date32[day]"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(
    small_root: Path, params: Params, column: str, wrong: str, expected: str
) -> None:
    n = pq.read_table(small_root / MARCH).num_rows
    replace_column(
        small_root / MARCH, column, pa.array(["7"] * n) if wrong == "text" else pa.array([7.0] * n)
    )
    assert f"{MARCH}: {expected}" in stage_error(small_root, params, "train@hgb")


def test_a_missing_column_is_named(small_root: Path, params: Params) -> None:
    pq.write_table(pq.read_table(small_root / MARCH).drop_columns(["visib"]), small_root / MARCH)
    assert f"{MARCH}: column visib is missing" in stage_error(small_root, params, "train@hgb")


def test_a_duplicate_column_is_named(small_root: Path, params: Params) -> None:
    table = pq.read_table(small_root / MARCH)
    pq.write_table(table.append_column("visib", table["visib"]), small_root / MARCH)
    assert f"{MARCH}: column visib appears twice" in stage_error(small_root, params, "train@hgb")


def test_a_row_count_that_differs_from_the_columns_is_found(
    model_root: Path, params: Params
) -> None:
    file = model_root / JULY
    content, n = file.read_bytes(), pq.read_metadata(file).num_rows
    # The counts stand in the footer, which no checksum covers, as numbers of seven bits a byte.
    positions = [i for i in range(len(content)) if content[i : i + 2] == _varint(2 * n)]
    n_shortened = 0
    for i in positions:
        file.write_bytes(content[:i] + _varint(2 * (n - 100)) + content[i + 2 :])
        with suppress(OSError, pa.ArrowException):
            if pq.read_table(file).num_rows < n:
                n_shortened += 1
                assert f"{JULY} is damaged: " in stage_error(model_root, params, "evaluate")
    assert n_shortened


def _varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7])


def test_a_month_without_rows_is_named(small_root: Path, params: Params) -> None:
    pq.write_table(pq.read_table(small_root / MARCH).slice(0, 0), small_root / MARCH)
    assert f"{MARCH} has no rows" in stage_error(small_root, params, "train@hgb")


@pytest.mark.parametrize(
    ("stage", "month"),
    [
        ("train@rate_table", "2013-05"),  # before the validation months
        ("train@rate_table", "2013-06"),  # the last one before them
        ("train@rate_table", "2013-08"),  # one of them
        ("backtest@2013-07", "2013-05"),
        ("backtest@2013-07", "2013-06"),
        ("backtest@2013-07", "2013-07"),
        ("evaluate", "2013-11"),
        ("export", "2013-12"),
        ("export", "2013-05"),
    ],
)
def test_a_missing_month_is_named(
    model_root: Path, easy_gate: Params, stage: str, month: str
) -> None:
    run_stage(model_root, easy_gate, "evaluate")
    (model_root / f"data/features/{month}.parquet").unlink()
    text = stage_error(model_root, easy_gate, stage)
    assert f"data/features/{month}.parquet is missing" in text


def flip_bit(content: bytes) -> bytes:
    index = len(content) // 3
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


@pytest.mark.parametrize(
    "damage", [first_half, flip_bit, lambda _: b""], ids=["half", "bit", "empty"]
)
@pytest.mark.parametrize(
    ("file", "stage"),
    [
        (MARCH, "train@rate_table"),
        (JULY, "evaluate"),
        ("models/selected/model.pkl", "evaluate"),
        ("models/selected/model.pkl", "export"),
    ],
)
def test_a_damaged_file_is_named(
    model_root: Path, easy_gate: Params, file: str, stage: str, damage: Callable[[bytes], bytes]
) -> None:
    path = model_root / file
    path.write_bytes(damage(path.read_bytes()))
    text = stage_error(model_root, easy_gate, stage)
    assert f"stage {stage}: {file}" in text
    assert "fix: " in text


def test_a_prediction_that_is_not_a_probability_is_named(model_root: Path, params: Params) -> None:
    replace_value(model_root / JULY, "hgb", np.nan, row=5)
    assert f"{JULY}: column hgb is empty" in stage_error(model_root, params, "evaluate")


@pytest.mark.parametrize(
    ("months", "stage", "expected"),
    [
        (("2013-11", "2013-12"), "evaluate", "data of 2013-11-01 to 2013-12-31"),
        (("2013-07", "2013-08", "2013-09", "2013-10"), "train@hgb", "2013-07-01 to 2013-10-31"),
        (
            ("2013-01", "2013-02", "2013-03", "2013-04", "2013-05", "2013-06"),
            "backtest@2013-07",
            "data of 2013-01-01 to 2013-06-30",
        ),
    ],
)
def test_months_with_one_label_only_are_refused(
    model_root: Path, params: Params, months: pa.Table, stage: str, expected: str
) -> None:
    for month in months:
        set_label(model_root / f"data/features/{month}.parquet", 0)
    text = stage_error(model_root, params, stage)
    assert expected in text
    assert "column disrupted = 0 in all" in text


def test_a_backtest_month_with_one_label_only_is_refused(model_root: Path, params: Params) -> None:
    set_label(model_root / JULY, 1)
    assert "column disrupted = 1 in all" in stage_error(model_root, params, "evaluate")


def test_the_command_refuses_without_a_traceback(small_root: Path) -> None:
    (small_root / MARCH).write_bytes(b"PAR1")
    process = run_main(small_root, "train@hgb")
    assert process.returncode == 1
    assert process.stderr.startswith(f"stage train@hgb: {MARCH} is damaged: ")
    assert "Traceback" not in process.stderr
