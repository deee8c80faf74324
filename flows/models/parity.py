"""The parity gate: ONNX must predict what scikit-learn predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from flows.errors import GateError
from flows.features.columns import CATEGORIES

from .bundle import THRESHOLD
from .onnx_model import onnx_predict
from .sklearn_model import SklearnModel


def check_parity(
    onnx: bytes, model: SklearnModel, rows: pa.Table, max_difference: float
) -> dict[str, Any]:
    """Compare ONNX with scikit-learn on `rows` and on modified copies of some of them.

    Returns
    -------
    dict
        The result, for model.json.

    Raises
    ------
    GateError
        A probability differs by more than `max_difference`, or a label differs.
    """
    rows = parity_rows(rows)
    expected = model.pipeline.predict_proba(rows.to_pandas())[:, 1]
    actual = onnx_predict(onnx, rows)
    difference = np.abs(actual - expected)
    n_flipped = np.sum((actual >= THRESHOLD) != (expected >= THRESHOLD))
    problems = []
    if difference.max() > max_difference:
        worst = rows.slice(int(difference.argmax()), 1).to_pylist()[0]
        problems.append(
            f"parity gate: ONNX and scikit-learn differ by {difference.max():.2g}"
            f" > {max_difference:g} (export.max_difference), most in {worst}"
        )
    if n_flipped:
        problems.append(f"parity gate: {n_flipped} of {rows.num_rows} labels flipped")
    if problems:
        raise GateError(problems, "compare the versions of skl2onnx and protobuf")
    return {"rows": rows.num_rows, "max_difference_below": max_difference, "flipped_labels": 0}


def parity_rows(table: pa.Table) -> pa.Table:
    """Return `table` and copies of its first rows with values that requests may contain.

    Each number missing in turn, all numbers missing, extreme numbers, and unknown codes.
    """
    few = table.slice(0, 200)
    numbers = [c for c in few.column_names if few[c].type == pa.float32()]
    codes = [c for c in few.column_names if c in CATEGORIES]
    variants = [_with_constants(few, dict.fromkeys([c], np.nan)) for c in numbers]
    variants += [_with_constants(few, dict.fromkeys(numbers, v)) for v in (np.nan, 0.0, -1e6, 1e6)]
    variants += [_with_constants(few, dict.fromkeys([c], "??")) for c in codes]
    return pa.concat_tables([table, *variants]).combine_chunks()


def _with_constants(table: pa.Table, values: Mapping[str, float | str]) -> pa.Table:
    """Return `table` with each column of `values` replaced by a constant."""
    for name, value in values.items():
        column = pa.array([value] * table.num_rows, table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    return table
