"""Convert a scikit-learn pipeline to ONNX; equal pipelines result in equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from warnings import catch_warnings

import numpy as np
import onnxruntime
import pyarrow as pa
from onnx import ModelProto, TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from flows.errors import StageError
from flows.features.arrays import Floats
from flows.features.arrow_columns import float32s
from flows.features.columns import CATEGORIES, NUMBERS

from .sklearn_model import SklearnModel

_OPSET = {"": 17, "ai.onnx.ml": 3}


def to_onnx(model: SklearnModel) -> bytes:
    """Convert to ONNX with the inputs `codes` and `numbers`, and the output `probabilities` [n, 2].

    The inputs have one column per feature.

    Raises
    ------
    StageError
        A step of the pipeline has no ONNX form, or the converter fails.
    """
    inputs = [
        (c, (StringTensorType if c in CATEGORIES else FloatTensorType)([None, 1]))
        for c in model.features
    ]
    try:
        # numpy warns inside protobuf; as an error, the warning would look like another failure.
        with catch_warnings(action="ignore", category=DeprecationWarning):
            proto: ModelProto = convert_sklearn(
                model.pipeline,
                name="disrupted",
                initial_types=inputs,
                target_opset=_OPSET,
                options={"zipmap": False},
            )
    except Exception as error:  # skl2onnx raises many types, mostly RuntimeError
        problem = f"{type(model.pipeline[-1]).__name__} to ONNX: {type(error).__name__}: {error}"
        fix = "select another candidate, or compare the versions of skl2onnx and protobuf"
        raise StageError([problem], fix) from error
    _join_inputs(proto, model.features)
    # Their order depends on Python's hash seed.
    opsets = sorted(proto.opset_import, key=lambda opset: opset.domain)
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def onnx_predict(content: bytes, table: pa.Table) -> Floats:
    """Return P(disrupted) of each row, computed by onnxruntime, shape (n_rows,)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feed = {
        "codes": np.array([table[c].to_pylist() for c in CATEGORIES], dtype=object).T,
        "numbers": np.column_stack([float32s(table[c]) for c in NUMBERS]),
    }
    probabilities: Floats = session.run(["probabilities"], feed)[0][:, 1].astype(np.float64)
    return probabilities


def _join_inputs(proto: ModelProto, features: Sequence[str]) -> None:
    """Replace the inputs, one per column, by one for all codes and one for all numbers.

    This halves the time of a run with one row, most of which was the transfer of 35 tensors.
    """
    graph = proto.graph
    del graph.input[:]
    inputs = {"codes": (CATEGORIES, TensorProto.STRING), "numbers": (NUMBERS, TensorProto.FLOAT)}
    for name, (group, element_type) in inputs.items():
        columns = [c for c in features if c in group]
        graph.input.append(helper.make_tensor_value_info(name, element_type, [None, len(columns)]))
        graph.node.insert(0, helper.make_node("Split", [name], columns, axis=1))
