"""The endpoints that predict: predictions, refusals with row and column, limits."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from flows.features.arrays import Float32s
from serving.http.app import build_app
from serving.model.arrays import Codes
from serving.model.model import Floats, Model, load_model
from serving.monitoring.metrics import Metrics
from serving.monitoring.window import Window
from serving.settings import Settings
from serving.state import ActiveModel, ServerState
from tests.serving.conftest import BASE, Response, Rows, ServerProcess, StartServer


def problems(response: Response) -> list[tuple[Any, Any]]:
    return [(p.get("row"), p.get("column")) for p in response.json["problems"]]


def test_missing_and_null_values_count_as_not_known(server: ServerProcess) -> None:
    short = server.request("POST", "/predict", {"rows": [BASE]}).json
    null = server.request("POST", "/predict", {"rows": [{**BASE, "visib": None}]}).json
    columns = {name: [value] for name, value in BASE.items()}
    by_column = server.request("POST", "/predict", {"columns": {**columns, "visib": None}}).json
    assert short["probabilities"] == null["probabilities"] == by_column["probabilities"]
    assert 0 < short["probabilities"][0] < 1
    known = server.request("POST", "/predict", {"rows": [{**BASE, "origin_late_3h": 0.9}]}).json
    assert known["probabilities"] != short["probabilities"]


def test_the_response_has_model_version_and_id(server: ServerProcess) -> None:
    card = server.request("GET", "/model").json
    response = server.request(
        "POST", "/predict", {"rows": [BASE], "id": "mine"}, x_request_id="abc-1"
    )
    assert response.json["id"] == "mine"
    assert response.headers["x-request-id"] == "abc-1"
    assert response.headers["x-model-version"] == response.json["model_version"] == card["version"]
    assert response.json["labels"][0] in card["labels"]
    odd = server.request("POST", "/predict", {"rows": [BASE]}, x_request_id='"} {')
    assert odd.json["id"] == odd.headers["x-request-id"] != '"} {'


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"distance_mi": None}, "distance_mi"),
        ({"distance_mi": "far"}, "distance_mi"),
        ({"distance_mi": True}, "distance_mi"),
        ({"distance_mi": -1}, "distance_mi"),
        ({"origin_late_1h": 1.01}, "origin_late_1h"),
        ({"origin_late_1h": [0.1]}, "origin_late_1h"),
        ({"pressure": 0}, "pressure"),
        ({"carrier": 7}, "carrier"),
        ({"carrier": ""}, "carrier"),
        ({"carrier": "'; --"}, "carrier"),
        ({"carrier": "A" * 9}, "carrier"),
        ({"departure": "2013-02-30T10:00"}, "departure"),
        ({"departure": "2013-12-24 17:30"}, "departure"),
        ({"departure": "now"}, "departure"),
        ({"arrival": "24:00"}, "arrival"),
        ({"tailnum": "N12345"}, "tailnum"),
    ],
)
def test_an_invalid_value_is_422_with_its_row_and_column(
    server: ServerProcess, change: dict[str, Any], column: str
) -> None:
    rows = [BASE, {**BASE, **change}, BASE]
    response = server.request("POST", "/predict", {"rows": rows})
    assert response.status == 422, response.body
    assert response.headers["content-type"] == "application/problem+json"
    assert problems(response) == [(1, column)]


def test_all_problems_are_reported_at_once(server: ServerProcess) -> None:
    rows = [{**BASE, "carrier": 1, "visib": "low"}, {**BASE, "x": 1}, 5]
    response = server.request("POST", "/predict", {"rows": rows})
    assert problems(response) == [(0, "carrier"), (0, "visib"), (1, "x"), (2, None)]
    wrong = {name: [value, value] for name, value in BASE.items()} | {"dest": ["IAH", 3]}
    assert problems(server.request("POST", "/predict", {"columns": wrong})) == [(1, "dest")]
    uneven = {name: [value] for name, value in BASE.items()} | {"visib": [1, 2]}
    assert problems(server.request("POST", "/predict", {"columns": uneven})) == [(None, "visib")]
    missing = {"rows": [{"carrier": "UA"}]}
    assert {c for _, c in problems(server.request("POST", "/predict", missing))} == set(BASE) - {
        "carrier"
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"rows": []}, 422),
        ({"columns": {}}, 422),
        ({"rows": [BASE] * 1001}, 422),
        ({}, 422),
        ({"rows": [BASE], "columns": {}}, 422),
        ({"rows": [BASE], "more": 1}, 422),
        ({"rows": [BASE], "id": 5}, 422),
        ([], 422),
        (b"", 400),
        (b" " * 2_000_001, 413),
    ],
)
def test_a_body_of_another_shape_is_refused(server: ServerProcess, body: Any, status: int) -> None:
    assert server.request("POST", "/predict", body).status == status


def test_another_content_type_or_an_encoding_is_415(server: ServerProcess) -> None:
    body = json.dumps({"rows": [BASE]}).encode()
    assert server.request("POST", "/predict", body, content_type="text/plain").status == 415
    assert server.request("POST", "/predict", body, content_encoding="gzip").status == 415
    utf8 = server.request("POST", "/predict", body, content_type="application/json; charset=utf-8")
    assert utf8.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/model", 405),
        ("GET", "/docs/assets/../../../etc/passwd", 404),
    ],
)
def test_other_paths_and_methods_are_refused_in_the_form_of_other_errors(
    server: ServerProcess, method: str, path: str, status: int
) -> None:
    response = server.request(method, path)
    assert response.status == status
    assert response.json["status"] == status
    assert response.json["request_id"] == response.headers["x-request-id"]


def test_the_model_card_describes_the_active_model(server: ServerProcess, bundle: Path) -> None:
    card = server.request("GET", "/model").json
    described = json.loads((bundle / "model.json").read_text())
    for name in ("md5", "sha256", "metrics", "parity", "features", "labels"):
        assert card[name] == described[name]
    assert {i["name"] for i in card["inputs"] if i["required"]} == set(BASE)


def test_an_explanation_names_the_group_that_was_changed(server: ServerProcess, rows: Rows) -> None:
    quiet = {**rows[0], "origin_late_1h": 0.0, "origin_late_3h": 0.0, "all_waiting_3h": 0.0}
    busy = {**quiet, "origin_waiting_3h": 0.7, "all_waiting_3h": 0.6, "origin_late_3h": 0.9}
    responses = [server.request("POST", "/explain", {"rows": [row]}).json for row in (quiet, busy)]
    changes = [{d["group"]: d["change"] for d in a["drivers"]} for a in responses]
    assert responses[1]["probability"] > responses[0]["probability"]
    assert changes[1]["the airports now"] > changes[0]["the airports now"]
    assert server.request("POST", "/explain", {"rows": rows[:2]}).status == 422


def test_bodies_above_the_held_bytes_are_503_with_retry_after(
    bundle: Path, start: StartServer, rows: Rows
) -> None:
    server = start(bundle, max_held_bytes=100_000)
    response = server.request("POST", "/predict", {"rows": rows})
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert server.request("POST", "/predict", {"rows": rows[:1]}).status == 200


def test_a_prediction_that_is_too_slow_or_one_too_many_is_503(bundle: Path, rows: Rows) -> None:
    """Asked in this process: the model is made slow."""
    model = load_model(bundle)

    class Slow(Model):
        def predict(self, codes: Codes, numbers: Float32s) -> Floats:
            time.sleep(0.4)
            return super().predict(codes, numbers)

    state = ServerState()
    state.active = ActiveModel(Slow(model.bundle, model.classifier), Window(model.metadata, 1000))
    settings = Settings(timeout_s=0.1, max_concurrent=1)
    app = build_app(state, settings, Metrics(state))
    body = json.dumps({"rows": rows * 5}).encode()
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    async def request_twice() -> None:
        await asyncio.gather(*(app(dict(scope), receive, send) for _ in range(2)))

    asyncio.run(request_twice())
    starts = [message for message in sent if message["type"] == "http.response.start"]
    details = {json.loads(m["body"])["detail"] for m in sent if "body" in m}
    assert [message["status"] for message in starts] == [503, 503]
    assert all((b"retry-after", b"1") in message["headers"] for message in starts)
    assert details == {"too many requests at once", "the prediction took more than 0.1 s"}


@pytest.mark.parametrize("n", [1, 300])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("arrival", "18:04\n"),
        ("carrier", "UA\n"),
        ("carrier", "UA;AA"),
        ("arrival", "8:04"),
        ("departure", "2013-12-24T17:3\N{ARABIC-INDIC DIGIT ZERO}"),
        ("visib", -1),
    ],
)
def test_few_rows_and_many_rows_are_checked_alike(
    server: ServerProcess, n: int, column: str, value: Any
) -> None:
    """The decoder checks few rows; many rows are checked by column."""
    rows = [BASE] * n + [{**BASE, column: value}]
    assert problems(server.request("POST", "/predict", {"rows": rows})) == [(n, column)]
    by_column = {name: [row.get(name) for row in rows] for name in {**BASE, column: value}}
    assert problems(server.request("POST", "/predict", {"columns": by_column})) == [(n, column)]
