"""The Open Inference Protocol, version 2."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.conftest import Server

MODEL = "/v2/models/disrupted-flights"


def tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": "BYTES" if isinstance(rows[0][name], str) else "FP64",
            "data": [row[name] for row in rows],
        }
        for name in rows[0]
    ]


def test_health_and_metadata_have_the_protocol_s_shape(server: Server):
    assert server.ask("GET", "/v2/health/live").json == {"live": True}
    assert server.ask("GET", "/v2/health/ready").json == {"ready": True}
    assert server.ask("GET", "/v2").json.keys() == {"name", "version", "extensions"}
    found = server.ask("GET", MODEL).json
    assert found.keys() == {"name", "versions", "platform", "inputs", "outputs"}
    for tensor in found["inputs"] + found["outputs"]:
        assert tensor.keys() == {"name", "datatype", "shape"}
    version = found["versions"][0]
    assert server.ask("GET", f"{MODEL}/versions/{version}").json == found
    assert server.ask("GET", f"{MODEL}/ready").json == {"name": found["name"], "ready": True}


@pytest.mark.parametrize("nested", [False, True])
def test_an_inference_gives_what_predict_gives(server: Server, rows, nested: bool):
    inputs = tensors(rows[:7])
    for tensor in inputs if nested else []:
        tensor["shape"], tensor["data"] = [7, 1], [[value] for value in tensor["data"]]
    answer = server.ask("POST", f"{MODEL}/infer", {"id": "42", "inputs": inputs}).json
    plain = server.ask("POST", "/predict", {"rows": rows[:7]}).json
    assert answer["id"] == "42"
    assert answer["model_name"] == plain["model_name"]
    assert answer["model_version"] == plain["model_version"]
    assert [(o["name"], o["datatype"], o["shape"]) for o in answer["outputs"]] == [
        ("probability", "FP64", [7]),
        ("label", "BYTES", [7]),
    ]
    assert answer["outputs"][0]["data"] == plain["probabilities"]
    assert answer["outputs"][1]["data"] == plain["labels"]


def test_only_the_outputs_asked_for_come_back(server: Server, rows):
    body = {"inputs": tensors(rows[:1]), "outputs": [{"name": "label"}]}
    answer = server.ask("POST", f"{MODEL}/infer", body).json
    assert [o["name"] for o in answer["outputs"]] == ["label"]


@pytest.mark.parametrize(
    "path",
    [
        other + end
        for other in ("/v2/models/other", f"{MODEL}/versions/9")
        for end in ("", "/ready")
    ],
)
def test_an_unknown_model_or_version_is_404_with_an_error(server: Server, path: str):
    answer = server.ask("GET", path)
    assert answer.status == 404
    assert "disrupted-flights" in answer.json["error"]


def damaged(rows, **change: Any) -> dict[str, Any]:
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
        ({"shape": [3]}, "its shape says 3"),
        ({"shape": [1, 2]}, "neither"),
        ({"data": ["UA"]}, "its shape says 2"),
        ({"data": ["UA", 5]}, "Expected `str`"),
        ({"name": "origin"}, "twice"),
    ],
)
def test_a_tensor_that_does_not_fit_is_422_with_its_column(server, rows, change, expected):
    answer = server.ask("POST", f"{MODEL}/infer", damaged(rows, **change))
    assert answer.status == 422
    told = [p["column"] for p in answer.json["problems"] if expected in p["message"]]
    assert told == [change.get("name", "carrier")]
    assert "not fit" in answer.json["error"]


def test_the_binary_extension_is_refused_by_name(server: Server, rows):
    body = {"inputs": tensors(rows[:1])}
    answer = server.ask("POST", f"{MODEL}/infer", body, inference_header_content_length="10")
    assert answer.status == 415
    assert "binary tensor extension is not spoken" in answer.json["error"]
    tensor = body["inputs"][0]
    del tensor["data"]
    tensor["parameters"] = {"binary_data_size": 6}
    answer = server.ask("POST", f"{MODEL}/infer", body)
    assert answer.status == 422
    assert "binary tensor extension is not spoken" in answer.json["error"]
    assert "$.inputs[0]" in answer.json["error"]
