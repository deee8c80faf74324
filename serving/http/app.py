"""The routing table: every path, the name of its route in the metrics, and its handler."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route, Router
from starlette.types import Receive, Scope

from serving.errors import RequestError
from serving.http import docs
from serving.http.endpoint import Endpoint, GetHandler, Handler, get_endpoint
from serving.http.health import liveness, model_readiness, readiness
from serving.http.middleware import RequestMiddleware
from serving.http.model_card import model_card
from serving.http.open_inference import SERVER_METADATA, model_metadata
from serving.http.openapi import openapi
from serving.http.page import page
from serving.http.predictions import Predictions
from serving.http.response import Response, json_response
from serving.model.model import Model
from serving.monitoring.metrics import Metrics
from serving.settings import Settings
from serving.state import ServerState

_MODEL = "/v2/models/{model}"
_VERSION = _MODEL + "/versions/{version}"
_PROMETHEUS_TEXT = b"text/plain; version=0.0.4; charset=utf-8"


def build_app(state: ServerState, settings: Settings, metrics: Metrics) -> RequestMiddleware:
    """Return the ASGI application."""
    posts = _post_routes(state, settings, metrics)
    endpoints = {path: Endpoint(name, handler) for path, name, handler in posts}
    routes: list[BaseRoute] = [
        Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()
    ]
    routes += [
        Route(path, get_endpoint(name, handler), methods=["GET"])
        for path, name, handler in _get_routes(state, settings, metrics)
    ]
    # Only a path without parameters can be looked up without the router.
    direct = {path: endpoint for path, endpoint in endpoints.items() if "{" not in path}
    return RequestMiddleware(Router([*routes, docs.assets()]), direct, metrics)


def _post_routes(
    state: ServerState, settings: Settings, metrics: Metrics
) -> list[tuple[str, str, Handler]]:
    predictions = Predictions(state, settings, metrics)

    async def infer(scope: Scope, receive: Receive) -> Response:
        _requested_model(state, scope)
        return await predictions.infer(scope, receive)

    return [
        ("/predict", "predict", predictions.predict),
        ("/explain", "explain", predictions.explain),
        (_MODEL + "/infer", "infer", infer),
        (_VERSION + "/infer", "infer", infer),
    ]


def _get_routes(
    state: ServerState, settings: Settings, metrics: Metrics
) -> list[tuple[str, str, GetHandler]]:
    def card(_: Scope) -> Response:
        return json_response(model_card(state.require_active().model.bundle))

    def metadata(scope: Scope) -> Response:
        return json_response(model_metadata(_requested_model(state, scope)))

    def model_ready(scope: Scope) -> Response:
        return model_readiness(state, _requested_model(state, scope).name)

    def api_description(_: Scope) -> Response:
        return json_response(openapi(settings, state.active and state.active.model))

    return [
        ("/", "page", lambda _: page(state.require_active().model)),
        ("/docs", "docs", lambda _: docs.page()),
        ("/openapi.json", "openapi", api_description),
        ("/livez", "livez", lambda _: liveness()),
        ("/readyz", "readyz", lambda _: readiness(state)),
        ("/metrics", "metrics_text", lambda _: Response(metrics.text(), 200, _PROMETHEUS_TEXT)),
        ("/model", "model_card", card),
        ("/v2", "server_metadata", lambda _: json_response(SERVER_METADATA)),
        ("/v2/health/live", "livez", lambda _: liveness()),
        ("/v2/health/ready", "readyz", lambda _: readiness(state)),
        (_MODEL, "model_metadata", metadata),
        (_VERSION, "model_metadata", metadata),
        (_MODEL + "/ready", "model_ready", model_ready),
        (_VERSION + "/ready", "model_ready", model_ready),
    ]


def _requested_model(state: ServerState, scope: Scope) -> Model:
    """Return the active model, if it is the one that the path names.

    Raises
    ------
    RequestError
        404, or 503 before the first model is loaded.
    """
    model, path = state.require_active().model, scope["path_params"]
    if path["model"] != model.name or path.get("version", model.version) != model.version:
        detail = f"no such model or version; this server has {model.name}, version {model.version}"
        raise RequestError(404, detail)
    return model
