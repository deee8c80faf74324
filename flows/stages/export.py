"""export: the selected model as a bundle that serves without scikit-learn, after a parity gate."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from flows.errors import StageError
from flows.models import bundle
from flows.models.candidates import load
from flows.models.gate import check_gate
from flows.models.onnx_model import onnx_predict, to_onnx
from flows.models.parity import check_parity
from flows.models.results import Metrics, read_selected
from flows.models.sklearn_model import SklearnModel
from flows.params import Params
from flows.tables.feature_files import read_months, read_months_before
from flows.tables.files import atomic_directory, read_json, write_bytes

_LIBRARIES = ("onnx", "onnxruntime", "pandas", "pyarrow", "scikit-learn", "skl2onnx")


def export(root: Path, params: Params) -> None:
    """Write models/bundle: model.onnx, model.json that describes it, and SHA256SUMS over both.

    model.json contains the md5 and sha256 of model.onnx, the inputs of a request with kinds, units
    and ranges, the labels, the metrics of `evaluate`, versions of libraries, a histogram of every
    feature over the training months, routes, golden rows, and the result of the parity gate. It
    does not contain a revision: the bundle is the same in every commit that produces it.

    Raises
    ------
    GateError
        The metrics do not pass the gate, or ONNX and scikit-learn differ by more than
        `export.max_difference`, or in a label.
    StageError
        The selected model has no ONNX form.
    """
    windows = params.windows
    model = load(root / "models" / "selected")
    metrics = read_json(root / "models" / "evaluation" / "metrics.json", Metrics)
    # `evaluate` checks it too, but keeps its files when it fails: `dvc repro -s export` reads them.
    check_gate(metrics["test"], metrics["test_baseline"], params.evaluate.gate)
    if not isinstance(model, SklearnModel):
        problem = "the selected model is the rate table, which cannot be exported"
        raise StageError(
            [problem], "add candidates to params.yaml that are better than the rate table"
        )
    onnx = to_onnx(model)
    test = read_months(root, windows.test_first, last=windows.test_last)
    parity = check_parity(onnx, model, test.select(model.features), params.export.max_difference)
    train = read_months_before(root, windows.test_first)
    metadata = {
        "selected": read_selected(root),
        "metrics": metrics,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "reference": bundle.reference(train, onnx_predict(onnx, train)),
        "routes": bundle.routes(train),
        "golden": bundle.golden(test, onnx_predict(onnx, test)),
        "parity": parity,
    }
    with atomic_directory(root / "models" / "bundle") as part:
        for name, content in bundle.bundle_files(onnx, metadata).items():
            write_bytes(part / name, content)
