"""The routes. Each reads the model that serves once and keeps it to the end of its request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import protocol
from .body import read_body
from .edge import Edge
from .errors import RequestError
from .explain import explain
from .live import Live, Serving
from .metrics import Metrics
from .model import Model
from .openapi import openapi
from .page import add_pages
from .request import Batch, read_batch
from .request_log import RequestLog
from .settings import Settings

log = logging.getLogger("serving")

_JSON = "application/json"
# A body above this is decoded and predicted in a thread, so that probes are answered meanwhile.
_INLINE_BYTES = 64 << 10

Answer = Callable[[Model, bytes, str], tuple[Batch, Any, bytes]]


class Routes:
    """The handlers, with what they share."""

    def __init__(self, live: Live, settings: Settings, metrics: Metrics) -> None:
        self.live, self.settings, self.metrics = live, settings, metrics
        self.log = RequestLog(settings) if settings.request_log else None

    async def predict(self, request: Request) -> Response:
        """Predict rows or columns."""
        return await self._answered(request, self._predict)

    async def explain(self, request: Request) -> Response:
        """Say what drives the prediction of the first row."""
        return await self._answered(request, self._explain)

    async def infer(self, request: Request) -> Response:
        """Predict by the Open Inference Protocol."""
        self._named(request)
        return await self._answered(request, self._infer)

    def _predict(self, model: Model, body: bytes, request_id: str) -> tuple[Batch, Any, bytes]:
        batch, own_id = read_batch(body, self.settings.max_rows)
        found = model.predict(batch.codes, batch.numbers)
        values = found.tolist()
        answer = {
            "model_name": model.name,
            "model_version": model.version,
            "id": own_id or request_id,
            "probabilities": values,
            "labels": model.labels(values),
        }
        return batch, found, msgspec.json.encode(answer)

    def _explain(self, model: Model, body: bytes, _: str) -> tuple[Batch, Any, bytes]:
        batch, _own_id = read_batch(body, 1)
        answer = {"model_version": model.version, **explain(model, batch)}
        return batch, None, msgspec.json.encode(answer)

    def _infer(self, model: Model, body: bytes, request_id: str) -> tuple[Batch, Any, bytes]:
        batch, infer = protocol.read_infer(body, self.settings.max_rows)
        found = model.predict(batch.codes, batch.numbers)
        return batch, found, protocol.infer_response(model, infer, request_id, found)

    async def _answered(self, request: Request, answer: Answer) -> Response:
        live, scope = self.live, request.scope
        body = await read_body(scope, request.receive, live, self.settings)
        serving = self._serving()
        if live.in_progress >= self.settings.max_concurrent:
            raise RequestError(503, "too many requests at once", retry_after_s=1)
        live.in_progress += 1
        try:
            if len(body) <= _INLINE_BYTES:
                batch, found, content = answer(serving.model, body, scope["request_id"])
            else:
                work = asyncio.to_thread(answer, serving.model, body, scope["request_id"])
                batch, found, content = await asyncio.wait_for(work, self.settings.timeout_s)
        except TimeoutError:
            detail = f"the answer took more than {self.settings.timeout_s:g} s"
            raise RequestError(503, detail, retry_after_s=1) from None
        finally:
            live.in_progress -= 1
        if found is not None:
            self._count(serving, batch, found, scope["request_id"])
        return Response(
            content, media_type=_JSON, headers={"x-model-version": serving.model.version}
        )

    def _count(self, serving: Serving, batch: Batch, found: Any, request_id: str) -> None:
        self.metrics.count_rows(found)
        serving.window.add(batch.codes, batch.numbers, found)
        if serving.window.is_due:
            self.metrics.count_values(serving.window.fold())
        if self.log:
            self.log.write(request_id, serving.model, batch, found)

    def _serving(self) -> Serving:
        if self.live.now is None:
            raise RequestError(503, "the model is not loaded yet", retry_after_s=1)
        return self.live.now

    def _named(self, request: Request) -> Model:
        """Give the model, if it is the one that the path names."""
        model, path = self._serving().model, request.path_params
        if path["model"] != model.name or path.get("version", model.version) != model.version:
            raise RequestError(404, f"there is {model.name}, version {model.version}")
        return model

    async def livez(self, _: Request) -> Response:
        """Say that the process answers."""
        return _json({"live": True})

    async def readyz(self, _: Request) -> Response:
        """Say whether predictions are answered: 503 before the warm-up and while draining."""
        return _json({"ready": self.live.ready}, 200 if self.live.ready else 503)

    async def model_ready(self, request: Request) -> Response:
        """Say whether the named model is ready."""
        model = self._named(request)
        return _json({"name": model.name, "ready": self.live.ready}, 200 if self.live.ready else 503)

    async def model_metadata(self, request: Request) -> Response:
        """Describe the named model's tensors."""
        return _json(protocol.model_metadata(self._named(request)))

    async def server_metadata(self, _: Request) -> Response:
        """Describe the server."""
        return _json({"name": "serving", "version": "2", "extensions": []})

    async def metrics_text(self, _: Request) -> Response:
        """Give the metrics."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def card(self, _: Request) -> Response:
        """Give the model card: what serves, where it comes from, how good it is, what it takes."""
        bundle = self._serving().model.bundle
        d = bundle.description
        return _json(
            {
                "name": d.name,
                "version": bundle.version,
                "selected": d.selected,
                "origin": bundle.origin,
                "md5": d.md5,
                "sha256": d.sha256,
                "bundle_sha256": bundle.sha256,
                "size_bytes": d.size_bytes,
                "labels": d.labels,
                "threshold": d.threshold,
                "metrics": d.metrics,
                "parity": d.parity,
                "libraries": d.libraries,
                "inputs": d.inputs,
                "features": d.features,
            }
        )


def build_app(live: Live, settings: Settings, metrics: Metrics) -> Edge:
    """Give the ASGI application."""
    routes = Routes(live, settings, metrics)
    app = FastAPI(title="Disrupted flights", docs_url=None, redoc_url=None)
    # The routes are Starlette's: FastAPI's own handling of a request would cost a third more CPU.
    # What describes them to FastAPI's pages is `openapi`. The hot ones come first.
    model = "/v2/models/{model}"
    version = model + "/versions/{version}"
    table = [
        ("POST", "/predict", routes.predict),
        ("POST", model + "/infer", routes.infer),
        ("POST", version + "/infer", routes.infer),
        ("POST", "/explain", routes.explain),
        ("GET", "/livez", routes.livez),
        ("GET", "/readyz", routes.readyz),
        ("GET", "/metrics", routes.metrics_text),
        ("GET", "/model", routes.card),
        ("GET", "/v2", routes.server_metadata),
        ("GET", "/v2/health/live", routes.livez),
        ("GET", "/v2/health/ready", routes.readyz),
        ("GET", model, routes.model_metadata),
        ("GET", version, routes.model_metadata),
        ("GET", model + "/ready", routes.model_ready),
        ("GET", version + "/ready", routes.model_ready),
    ]
    for method, path, handler in table:
        app.router.add_route(path, handler, methods=[method])
    add_pages(app, live)
    app.openapi = lambda: openapi(settings)  # type: ignore[method-assign]
    app.add_exception_handler(RequestError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(Exception, _fail)
    return Edge(app, metrics)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=_JSON)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101 - registered for it
    return _problem(request, error)


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    response = _problem(request, RequestError(error.status_code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _fail(request: Request, error: Exception) -> Response:
    log.error("request %s", request.scope.get("request_id"), exc_info=error)
    return _problem(request, RequestError(500, "an error of the server; it is in its log"))


def _problem(request: Request, error: RequestError) -> Response:
    """Give an error as RFC 9457 has it, or as the protocol has it."""
    problems = [
        {k: v for k, v in problem._asdict().items() if v is not None} for problem in error.problems
    ]
    about: dict[str, Any] = {"problems": problems} if problems else {}
    about["request_id"] = request.scope.get("request_id")
    if request.url.path.startswith("/v2"):
        content, kind = {"error": error.detail, **about}, _JSON
    else:
        content = {"type": "about:blank", "status": error.status, "detail": error.detail, **about}
        kind = "application/problem+json"
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    if error.close:
        headers["connection"] = "close"
    return Response(msgspec.json.encode(content), error.status, headers, kind)
