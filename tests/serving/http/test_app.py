"""The routing table: the route labels in the metrics, and errors in one form on all paths."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from serving.http.app import build_app
from serving.http.middleware import RequestMiddleware
from serving.model.model import Model, load_model
from serving.monitoring.metrics import Metrics
from serving.monitoring.window import Window
from serving.settings import Settings
from serving.state import ActiveModel, ServerState
from tests.serving.conftest import BASE

MODEL = "/v2/models/disrupted-flights"
# Dashboards and alert rules depend on these labels.
ROUTES = {
    "/": "page",
    "/docs": "docs",
    "/docs/assets/swagger-ui.css": "none",
    "/openapi.json": "openapi",
    "/livez": "livez",
    "/readyz": "readyz",
    "/metrics": "metrics_text",
    "/model": "model_card",
    "/predict": "predict",
    "/explain": "explain",
    "/v2": "server_metadata",
    "/v2/health/live": "livez",
    "/v2/health/ready": "readyz",
    MODEL: "model_metadata",
    f"{MODEL}/ready": "model_ready",
    f"{MODEL}/infer": "infer",
    f"{MODEL}/versions/1": "model_metadata",
    f"{MODEL}/versions/1/ready": "model_ready",
    f"{MODEL}/versions/1/infer": "infer",
    "/no/such/path": "none",
}


def send(app: RequestMiddleware, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """Send a request without a server; return the status and the JSON of an error."""
    sent: list[Message] = []

    unread = [body]

    async def receive() -> Message:
        if not unread:
            await asyncio.Event().wait()  # the client stays connected
        return {"type": "http.request", "body": unread.pop()}

    async def collect(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
    }
    asyncio.run(app(scope, receive, collect))
    (start,) = [message for message in sent if message["type"] == "http.response.start"]
    error = start["status"] >= 400
    return start["status"], json.loads(sent[1]["body"]) if error else None


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_metrics_label_requests_with_the_names_of_the_routing_table(
    path: str, method: str
) -> None:
    """Refused requests (405, 503 without a model) have the label of their route too."""
    state = ServerState()
    metrics = Metrics(state)
    status, _ = send(build_app(state, Settings(), metrics), method, path)
    (labels,) = [
        sample.labels
        for family in metrics.requests.collect()
        for sample in family.samples
        if sample.name == "serving_requests_total"
    ]
    assert labels == {"route": ROUTES[path], "status": str(status)}


@pytest.mark.parametrize("path", ["/", "/model", MODEL, f"{MODEL}/ready"])
def test_before_the_first_model_a_path_that_needs_one_is_503(path: str) -> None:
    state = ServerState()
    status, error = send(build_app(state, Settings(), Metrics(state)), "GET", path)
    assert status == 503
    assert "the model is not loaded yet" in (error.get("detail"), error.get("error"))


@pytest.mark.parametrize("path", ["/predict", "/explain", f"{MODEL}/infer"])
def test_an_internal_error_is_500_in_the_form_of_other_errors(bundle: Path, path: str) -> None:
    class Broken(Model):
        def predict(self, *_: object) -> Any:
            raise ZeroDivisionError

    model = load_model(bundle)
    state = ServerState()
    broken = Broken(model.bundle, model.classifier)
    state.active = ActiveModel(broken, Window(model.metadata, 1000))
    tensors = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES" if isinstance(value, str) else "FP64",
            "data": [value],
        }
        for name, value in BASE.items()
    ]
    body = {"inputs": tensors} if path.startswith("/v2") else {"rows": [BASE]}
    app = build_app(state, Settings(), Metrics(state))
    status, error = send(app, "POST", path, json.dumps(body).encode())
    assert status == 500
    assert error["request_id"]
    assert "internal error" in (error.get("detail") or error["error"])
