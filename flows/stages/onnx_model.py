"""A scikit-learn pipeline as ONNX: equal pipelines give equal bytes, and it predicts the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from warnings import catch_warnings

import numpy as np
import onnxruntime
import pyarrow as pa
from onnx import ModelProto, TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

from .asof import Floats
from .columns import CATEGORIES, NUMBERS
from .errors import StageError
from .models import SklearnModel
from .values import float32s

_OPSET = {"": 17, "ai.onnx.ml": 3}


def to_onnx(model: SklearnModel) -> bytes:
    """Convert: inputs `codes` and `numbers`, a column a feature; output `probabilities` [n, 2].

    Raises
    ------
    StageError
        A step of the pipeline has no ONNX form, or the converter cannot make it.
    """
    inputs = [
        (c, (StringTensorType if c in CATEGORIES else FloatTensorType)([None, 1]))
        for c in model.features
    ]
    try:
        # A deprecation that numpy warns of inside protobuf: made an error, it fails as another one.
        with catch_warnings(action="ignore", category=DeprecationWarning):
            proto: ModelProto = convert_sklearn(
                model.pipeline,
                name="disrupted",
                initial_types=inputs,
                target_opset=_OPSET,
                options={"zipmap": False},
            )
    except Exception as error:  # skl2onnx raises what it likes, RuntimeError mostly
        problem = f"{type(model.pipeline[-1]).__name__} to ONNX: {type(error).__name__}: {error}"
        fix = "select another candidate, or compare the versions of skl2onnx and protobuf"
        raise StageError([problem], fix) from error
    _join_inputs(proto, model.features)
    # Their order follows Python's hash seed.
    opsets = sorted(proto.opset_import, key=lambda opset: opset.domain)
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def onnx_predict(content: bytes, table: pa.Table) -> Floats:
    """Give P(disrupted) of each row as onnxruntime computes it, shape (n_rows,)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feed = {
        "codes": np.array([table[c].to_pylist() for c in CATEGORIES], dtype=object).T,
        "numbers": np.column_stack([float32s(table[c]) for c in NUMBERS]),
    }
    result: Floats = session.run(["probabilities"], feed)[0][:, 1].astype(np.float64)
    return result


def _join_inputs(proto: ModelProto, features: Sequence[str]) -> None:
    """Replace an input a column by one for the codes and one for the numbers.

    A run with one row takes half the time: most of it went into handing over 35 tensors.
    """
    graph = proto.graph
    del graph.input[:]
    kinds = {"codes": (CATEGORIES, TensorProto.STRING), "numbers": (NUMBERS, TensorProto.FLOAT)}
    for name, (all_of_kind, kind) in kinds.items():
        columns = [c for c in features if c in all_of_kind]
        graph.input.append(helper.make_tensor_value_info(name, kind, [None, len(columns)]))
        graph.node.insert(0, helper.make_node("Split", [name], columns, axis=1))


def parity_rows(table: pa.Table) -> pa.Table:
    """Give `table` and, of its first rows, copies with what real requests hold and it may not.

    Every number missing in turn, all missing, extremes, and codes never seen.
    """
    few = table.slice(0, 200)
    numbers = [c for c in few.column_names if few[c].type == pa.float32()]
    codes = [c for c in few.column_names if c in CATEGORIES]
    variants = [_with(few, dict.fromkeys([c], np.nan)) for c in numbers]
    variants += [_with(few, dict.fromkeys(numbers, v)) for v in (np.nan, 0.0, -1e6, 1e6)]
    variants += [_with(few, dict.fromkeys([c], "??")) for c in codes]
    return pa.concat_tables([table, *variants]).combine_chunks()


def _with(table: pa.Table, values: Mapping[str, float | str]) -> pa.Table:
    for name, value in values.items():
        column = pa.array([value] * table.num_rows, table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    return table
