"""The Open Inference Protocol, version 2: each tensor of a request is a named column.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
The protocol defines an error as `{"error": "..."}` (response.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from serving.errors import DECODE_ERRORS, Problem, RequestError, not_json
from serving.model.model import Floats, Model
from serving.model.request import Batch, convert_columns
from serving.model.schema import COLUMN_TYPES, MAX_ID, PATTERNS
from serving.model.validation import count_invalid

_TEXT_DATATYPES = ("BYTES",)
_NUMBER_DATATYPES = (
    "FP64",
    "FP32",
    "FP16",
    *(f"{s}INT{n}" for s in ("", "U") for n in (8, 16, 32, 64)),
)
OUTPUTS = {"probability": "FP64", "label": "BYTES"}
SERVER_METADATA: dict[str, Any] = {"name": "serving", "version": "2", "extensions": []}


class Tensor(msgspec.Struct):
    """An input: a column of [n] or [n, 1] values."""

    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1, max_length=2)]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class Output(msgspec.Struct):
    """An output that the request asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class Infer(msgspec.Struct):
    """An inference request."""

    inputs: list[Tensor]
    id: Annotated[str, Meta(max_length=MAX_ID)] | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[Output] | None = None


_decode = msgspec.json.Decoder(Infer).decode


def read_infer(content: bytes, max_rows: int) -> tuple[Batch, Infer]:
    """Decode and check an inference request.

    Raises
    ------
    RequestError
        400 for a body that is not JSON, 422 for invalid tensors.
    """
    try:
        infer = _decode(content)
    except msgspec.ValidationError as error:
        binary = b'"binary_data_size"' in content  # its tensors have no data in the JSON
        hint = "; the binary tensor extension is not supported" if binary else ""
        raise RequestError(422, f"{error}{hint}") from None
    except DECODE_ERRORS as error:
        raise not_json(error) from None
    problems = [p for tensor in infer.inputs for p in _tensor_problems(tensor)]
    names = [tensor.name for tensor in infer.inputs]
    problems += [
        Problem("the input occurs more than once", None, name[:64])
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    requested = [output.name for output in infer.outputs or ()]
    problems += [
        Problem(f"unknown output; the outputs are {', '.join(OUTPUTS)}", None, name[:64])
        for name in requested
        if name not in OUTPUTS
    ]
    if problems:
        raise RequestError(422, count_invalid(len(problems), "tensor"), problems[:50])
    return convert_columns({t.name: _flatten(t) for t in infer.inputs}, max_rows), infer


def _tensor_problems(tensor: Tensor) -> list[Problem]:
    name = tensor.name
    if name not in COLUMN_TYPES:
        return [Problem("the column is unknown", None, name[:64])]
    datatypes = _TEXT_DATATYPES if name in PATTERNS else _NUMBER_DATATYPES
    if tensor.datatype not in datatypes:
        expected = " or ".join(datatypes)
        return [Problem(f"datatype {tensor.datatype!r:.40} is not {expected}", None, name)]
    if tensor.shape[1:] not in ([], [1]):
        return [Problem(f"shape {tensor.shape} is neither [n] nor [n, 1]", None, name)]
    if len(tensor.data) != tensor.shape[0]:
        return [
            Problem(
                f"has {len(tensor.data)} values, but its shape says {tensor.shape[0]}", None, name
            )
        ]
    return []


def _flatten(tensor: Tensor) -> Sequence[Any]:
    if len(tensor.shape) == 2 and all(isinstance(v, list) and len(v) == 1 for v in tensor.data):
        return [v[0] for v in tensor.data]
    return tensor.data


def infer_response(model: Model, infer: Infer, request_id: str, probabilities: Floats) -> bytes:
    """Return the content of the response, with the outputs that `infer` asks for."""
    values = probabilities.tolist()
    data: Mapping[str, Sequence[Any]] = {"probability": values, "label": model.labels(values)}
    requested = [o.name for o in infer.outputs] if infer.outputs else list(OUTPUTS)
    outputs = [
        {"name": n, "shape": [len(values)], "datatype": OUTPUTS[n], "data": data[n]}
        for n in dict.fromkeys(requested)
    ]
    return msgspec.json.encode(
        {
            "model_name": model.name,
            "model_version": model.version,
            "id": infer.id or request_id,
            "outputs": outputs,
        }
    )


def model_metadata(model: Model) -> dict[str, Any]:
    """Return the metadata of the model as the protocol defines it."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": i.name, "datatype": "FP64" if i.kind == "number" else "BYTES", "shape": [-1]}
            for i in model.metadata.inputs
        ],
        "outputs": [{"name": n, "datatype": d, "shape": [-1]} for n, d in OUTPUTS.items()],
    }
