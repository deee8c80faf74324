"""export: the selected model as a bundle that serves without scikit-learn, after a parity gate."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .columns import CATEGORIES, NUMBERS
from .errors import GateError, StageError
from .files import read_json, whole_directory, write_bytes, write_json
from .models import SklearnModel, load
from .months import read_months, read_months_before
from .onnx_model import onnx_predict, parity_rows, to_onnx
from .params import Params
from .results import Metrics, read_selected

_LIBRARIES = ("onnx", "onnxruntime", "pandas", "pyarrow", "scikit-learn", "skl2onnx")
_THRESHOLD = 0.5


def export(root: Path, params: Params) -> None:
    """Write models/bundle: model.onnx, and model.json that describes it.

    model.json holds the md5 and sha256 of model.onnx, its inputs with kinds and units, the labels,
    the metrics of `evaluate`, versions of libraries, a histogram of every input over the training
    months, and the result of the parity gate. It names no revision: the bundle is the same in every
    commit that leads to it.

    Raises
    ------
    GateError
        ONNX and scikit-learn differ by more than `export.max_difference`, or in a label.
    StageError
        The selected model has no ONNX form.
    """
    windows = params.windows
    model = load(root / "models" / "selected")
    if not isinstance(model, SklearnModel):
        raise StageError(["the selected model is the rate table, which is not exported"])
    content = to_onnx(model)
    test = read_months(root, windows.test_first, last=windows.test_last)
    parity = check_parity(content, model, test.select(model.features), params.export.max_difference)
    train = read_months_before(root, windows.test_first)
    description = {
        "name": "disrupted-flights",
        "selected": read_selected(root),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "labels": ["on time", "disrupted"],
        "inputs": [_input(name) for name in model.features],
        "metrics": read_json(root / "models" / "evaluation" / "metrics.json", Metrics),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "reference": {name: histogram(train[name]) for name in model.features},
        "parity": parity,
    }
    with whole_directory(root / "models" / "bundle") as part:
        write_bytes(part / "model.onnx", content)
        write_json(part / "model.json", description)


def check_parity(
    content: bytes, model: SklearnModel, rows: pa.Table, max_difference: float
) -> dict[str, Any]:
    """Compare ONNX with scikit-learn on `rows` and on damaged copies of some of them."""
    rows = parity_rows(rows)
    frame = rows.to_pandas()
    expected = model.pipeline.predict_proba(frame)[:, 1]
    served = onnx_predict(content, rows, model.features)
    difference = np.abs(served - expected)
    flipped = np.sum((served >= _THRESHOLD) != (expected >= _THRESHOLD))
    problems = []
    if difference.max() > max_difference:
        worst = rows.slice(int(difference.argmax()), 1).to_pylist()[0]
        problems.append(
            f"parity gate: ONNX and scikit-learn differ by {difference.max():.2g}"
            f" > {max_difference:g} (export.max_difference), most in {worst}"
        )
    if flipped:
        problems.append(f"parity gate: {flipped} of {rows.num_rows} labels flipped")
    if problems:
        raise GateError(problems, "compare the versions of skl2onnx and protobuf")
    return {"rows": rows.num_rows, "max_difference_below": max_difference, "flipped_labels": 0}


def histogram(values: pa.ChunkedArray) -> dict[str, Any]:
    """Give what drift is measured against: counts by category, or by tenths; and the empty ones."""
    n_empty = int(pc.sum(pc.is_null(values, nan_is_null=True)).as_py())
    if pa.types.is_string(values.type):
        counted = {c["values"]: c["counts"] for c in pc.value_counts(values).to_pylist()}
        return {"counts": dict(sorted(counted.items())), "empty": n_empty}
    numbers = values.to_numpy()
    numbers = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(numbers, np.linspace(0.1, 0.9, 9), method="lower"))
    # Bin i counts values up to and with edge i; the last one, values above all edges.
    counts = np.bincount(np.searchsorted(edges, numbers, side="left"), minlength=len(edges) + 1)
    edges_text = [float(f"{edge:.7g}") for edge in edges]
    return {"edges": edges_text, "counts": counts.tolist(), "empty": n_empty}


def _input(name: str) -> dict[str, str]:
    column = CATEGORIES.get(name) or NUMBERS[name]
    kind = "string" if name in CATEGORIES else "float32"
    return {"name": name, "kind": kind, "unit": column.unit, "meaning": column.meaning}
