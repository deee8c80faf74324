"""The Open Inference Protocol, version 2."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.conftest import Rows, ServerProcess

MODEL = "/v2/models/disrupted-flights"


def tensors(rows: Rows) -> Rows:
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "BYTES" if isinstance(rows[0][name], str) else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]


def test_health_and_metadata_have_the_protocol_s_shape(server: ServerProcess) -> None:
    assert server.request("GET", "/v2/health/live").json == {"live": True}
    assert server.request("GET", "/v2/health/ready").json == {"ready": True}
    assert server.request("GET", "/v2").json.keys() == {"name", "version", "extensions"}
    metadata = server.request("GET", MODEL).json
    assert metadata.keys() == {"name", "versions", "platform", "inputs", "outputs"}
    for tensor in metadata["inputs"] + metadata["outputs"]:
        assert tensor.keys() == {"name", "datatype", "shape"}
    version = metadata["versions"][0]
    assert server.request("GET", f"{MODEL}/versions/{version}").json == metadata
    assert server.request("GET", f"{MODEL}/ready").json == {"name": metadata["name"], "ready": True}


@pytest.mark.parametrize("nested", [False, True])
def test_an_inference_returns_what_predict_returns(
    server: ServerProcess, rows: Rows, nested: bool
) -> None:
    inputs = tensors(rows[:7])
    for tensor in inputs if nested else []:
        tensor["shape"], tensor["data"] = [7, 1], [[value] for value in tensor["data"]]
    response = server.request("POST", f"{MODEL}/infer", {"id": "42", "inputs": inputs}).json
    plain = server.request("POST", "/predict", {"rows": rows[:7]}).json
    assert response["id"] == "42"
    assert response["model_name"] == plain["model_name"]
    assert response["model_version"] == plain["model_version"]
    assert [(o["name"], o["datatype"], o["shape"]) for o in response["outputs"]] == [
        ("probability", "FP64", [7]),
        ("label", "BYTES", [7]),
    ]
    assert response["outputs"][0]["data"] == plain["probabilities"]
    assert response["outputs"][1]["data"] == plain["labels"]


def test_only_the_requested_outputs_are_returned(server: ServerProcess, rows: Rows) -> None:
    body = {"inputs": tensors(rows[:1]), "outputs": [{"name": "label"}]}
    response = server.request("POST", f"{MODEL}/infer", body).json
    assert [o["name"] for o in response["outputs"]] == ["label"]


@pytest.mark.parametrize(
    "path",
    [
        other + end
        for other in ("/v2/models/other", f"{MODEL}/versions/9")
        for end in ("", "/ready")
    ],
)
def test_an_unknown_model_or_version_is_404_with_an_error(server: ServerProcess, path: str) -> None:
    response = server.request("GET", path)
    assert response.status == 404
    assert "disrupted-flights" in response.json["error"]


def damaged(rows: Rows, **change: Any) -> dict[str, Any]:
    inputs = tensors(rows[:2])
    inputs[0] |= change
    return {"inputs": inputs}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "tailnum"}, "unknown"),
        ({"datatype": "COMPLEX"}, "COMPLEX"),
        ({"datatype": "FP32"}, "'FP32' is not BYTES"),
        ({"name": "distance_mi", "data": [5, 6]}, "'BYTES' is not FP64"),
        ({"shape": [3]}, "but its shape says 3"),
        ({"shape": [1, 2]}, "neither"),
        ({"data": ["UA"]}, "but its shape says 2"),
        ({"data": ["UA", 5]}, "Expected `str`"),
        ({"name": "origin"}, "more than once"),
    ],
)
def test_an_invalid_tensor_is_422_with_its_column(
    server: ServerProcess, rows: Rows, change: dict[str, Any], expected: str
) -> None:
    response = server.request("POST", f"{MODEL}/infer", damaged(rows, **change))
    assert response.status == 422
    columns = [p["column"] for p in response.json["problems"] if expected in p["message"]]
    assert columns == [change.get("name", "carrier")]
    assert "invalid" in response.json["error"]


def test_the_binary_extension_is_refused_by_name(server: ServerProcess, rows: Rows) -> None:
    body = {"inputs": tensors(rows[:1])}
    response = server.request("POST", f"{MODEL}/infer", body, inference_header_content_length="10")
    assert response.status == 415
    assert "binary tensor extension is not supported" in response.json["error"]
    tensor = body["inputs"][0]
    del tensor["data"]
    tensor["parameters"] = {"binary_data_size": 6}
    response = server.request("POST", f"{MODEL}/infer", body)
    assert response.status == 422
    assert "binary tensor extension is not supported" in response.json["error"]
    assert "$.inputs[0]" in response.json["error"]
