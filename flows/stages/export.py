"""export: the selected model as a bundle that serves without scikit-learn, after a parity gate."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from . import bundle
from .errors import GateError, StageError
from .files import read_json, whole_directory, write_bytes
from .gate import hold_gate
from .models import SklearnModel, load
from .months import read_months, read_months_before
from .onnx_model import onnx_predict, parity_rows, to_onnx
from .params import Params
from .results import Metrics, read_selected

_LIBRARIES = ("onnx", "onnxruntime", "pandas", "pyarrow", "scikit-learn", "skl2onnx")


def export(root: Path, params: Params) -> None:
    """Write models/bundle: model.onnx, model.json that describes it, and SHA256SUMS over both.

    model.json holds the md5 and sha256 of model.onnx, what a request gives with kinds, units and
    ranges, the labels, the metrics of `evaluate`, versions of libraries, a histogram of every
    feature over the training months, routes, golden rows, and the result of the parity gate. It
    names no revision: the bundle is the same in every commit that leads to it.

    Raises
    ------
    GateError
        The metrics are not those of a model to export, or ONNX and scikit-learn differ by more than
        `export.max_difference`, or in a label.
    StageError
        The selected model has no ONNX form.
    """
    windows = params.windows
    model = load(root / "models" / "selected")
    metrics = read_json(root / "models" / "evaluation" / "metrics.json", Metrics)
    # `evaluate` holds it too, but leaves its files to look at: `dvc repro -s export` finds them.
    hold_gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)
    if not isinstance(model, SklearnModel):
        raise StageError(["the selected model is the rate table, which is not exported"])
    content = to_onnx(model)
    test = read_months(root, windows.test_first, last=windows.test_last)
    parity = check_parity(content, model, test.select(model.features), params.export.max_difference)
    train = read_months_before(root, windows.test_first)
    described = {
        "selected": read_selected(root),
        "metrics": metrics,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "reference": bundle.reference(train, onnx_predict(content, train)),
        "routes": bundle.routes(train),
        "golden": bundle.golden(test, onnx_predict(content, test)),
        "parity": parity,
    }
    with whole_directory(root / "models" / "bundle") as part:
        for name, file in bundle.bundle_files(content, described).items():
            write_bytes(part / name, file)


def check_parity(
    content: bytes, model: SklearnModel, rows: pa.Table, max_difference: float
) -> dict[str, Any]:
    """Compare ONNX with scikit-learn on `rows` and on damaged copies of some of them."""
    rows = parity_rows(rows)
    frame = rows.to_pandas()
    expected = model.pipeline.predict_proba(frame)[:, 1]
    served = onnx_predict(content, rows)
    difference = np.abs(served - expected)
    flipped = np.sum((served >= bundle.THRESHOLD) != (expected >= bundle.THRESHOLD))
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
