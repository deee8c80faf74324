"""The routes, each with what answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.errors import RequestError
from serving.http.handlers import Predictions
from serving.http.middleware import Edge, Handler
from serving.http.model_card import card
from serving.http.open_inference import model_metadata
from serving.http.openapi import openapi
from serving.http.page import add_pages
from serving.http.response import Answer, error_answer, json_answer
from serving.model.model import Model
from serving.monitoring.metrics import Metrics
from serving.settings import Settings
from serving.state import Live

Get = Callable[[Scope], Answer]


class Gets:
    """What is asked for without a body."""

    def __init__(self, live: Live, metrics: Metrics) -> None:
        self.live, self.metrics = live, metrics

    def livez(self, _: Scope) -> Answer:
        """Say that the process answers."""
        return json_answer({"live": True})

    def readyz(self, _: Scope) -> Answer:
        """Say whether predictions are answered: 503 before the warm-up and while draining."""
        return json_answer({"ready": self.live.ready}, 200 if self.live.ready else 503)

    def metrics_text(self, _: Scope) -> Answer:
        """Give the metrics."""
        return Answer(self.metrics.text(), 200, b"text/plain; version=0.0.4; charset=utf-8")

    def model_card(self, _: Scope) -> Answer:
        """Give the model card."""
        return json_answer(card(self.live.serving().model.bundle))

    def server_metadata(self, _: Scope) -> Answer:
        """Describe the server."""
        return json_answer({"name": "serving", "version": "2", "extensions": []})

    def model_metadata(self, scope: Scope) -> Answer:
        """Describe the named model's tensors."""
        return json_answer(model_metadata(named(self.live, scope)))

    def model_ready(self, scope: Scope) -> Answer:
        """Say whether the named model is ready."""
        model, ready = named(self.live, scope), self.live.ready
        return json_answer({"name": model.name, "ready": ready}, 200 if ready else 503)


def named(live: Live, scope: Scope) -> Model:
    """Give the model that serves, if it is the one that the path names.

    Raises
    ------
    RequestError
        404, or 503 before the first model is loaded.
    """
    model, path = live.serving().model, scope["path_params"]
    if path["model"] != model.name or path.get("version", model.version) != model.version:
        raise RequestError(404, f"there is {model.name}, version {model.version}")
    return model


def build_app(live: Live, settings: Settings, metrics: Metrics) -> Edge:
    """Give the ASGI application."""
    predictions, gets = Predictions(live, settings, metrics), Gets(live, metrics)

    async def infer(scope: Scope, receive: Receive) -> Answer:
        named(live, scope)
        return await predictions.infer(scope, receive)

    app = FastAPI(title="Disrupted flights", docs_url=None, redoc_url=None)
    model = "/v2/models/{model}"
    version = model + "/versions/{version}"
    posts: list[tuple[str, Handler]] = [
        ("/predict", predictions.predict),
        ("/explain", predictions.explain),
        (model + "/infer", infer),
        (version + "/infer", infer),
    ]
    table: list[tuple[str, Get]] = [
        ("/livez", gets.livez),
        ("/readyz", gets.readyz),
        ("/metrics", gets.metrics_text),
        ("/model", gets.model_card),
        ("/v2", gets.server_metadata),
        ("/v2/health/live", gets.livez),
        ("/v2/health/ready", gets.readyz),
        (model, gets.model_metadata),
        (version, gets.model_metadata),
        (model + "/ready", gets.model_ready),
        (version + "/ready", gets.model_ready),
    ]
    for path, handler in posts:
        app.router.routes.append(Route(path, _Endpoint(handler), methods=["POST"]))
    for path, get in table:
        app.router.routes.append(Route(path, _Endpoint(_without_body(get)), methods=["GET"]))
    add_pages(app, live)
    app.openapi = lambda: openapi(settings, live.now and live.now.model)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, _refused)
    return Edge(app, {"/predict": predictions.predict}, metrics)


class _Endpoint:
    """A handler as an ASGI application, under the handler's name."""

    def __init__(self, handler: Handler) -> None:
        self.handler, self.__name__ = handler, _name(handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a refusal is answered here, before FastAPI would make a 500 of it."""
        try:
            answer = await self.handler(scope, receive)
        except RequestError as error:
            answer = error_answer(error, scope["path"], scope["request_id"])
        await answer.send(send)


def _name(handler: object) -> str:
    return str(getattr(handler, "__name__", "none"))


def _without_body(get: Get) -> Handler:
    async def handler(scope: Scope, _: Receive) -> Answer:
        return get(scope)

    handler.__name__ = _name(get)
    return handler


async def _refused(request: Request, error: Any) -> Response:
    """Give what FastAPI refuses (404, 405) in our shape."""
    refused = RequestError(error.status_code, str(error.detail))
    answer = error_answer(refused, request.url.path, request.scope["request_id"])
    headers = {"content-type": answer.kind.decode(), **(error.headers or {})}
    return Response(answer.content, answer.status, headers)
