"""The endpoints that predict: they read a request, run the active model, and count the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
from starlette.types import Receive, Scope

from serving.errors import RequestError
from serving.http.body import read_body
from serving.http.open_inference import infer_response, read_infer
from serving.http.request_log import RequestLog
from serving.http.response import JSON, Response
from serving.model.explain import explain
from serving.model.model import Floats, Model
from serving.model.request import Batch, read_batch
from serving.monitoring.metrics import Metrics
from serving.settings import Settings
from serving.state import ActiveModel, ServerState

# A larger body is decoded and predicted in a thread, so that the server answers probes meanwhile.
_MAX_INLINE_BYTES = 64 << 10


class Prediction(NamedTuple):
    """The result of a request; without `probabilities` it does not count as a prediction."""

    content: bytes
    batch: Batch
    probabilities: Floats | None


Predict = Callable[[Model, bytes, str], Prediction]


class Predictions:
    """The handlers, with what they share."""

    def __init__(self, state: ServerState, settings: Settings, metrics: Metrics) -> None:
        self.state, self.settings, self.metrics = state, settings, metrics
        self.log = RequestLog(settings, metrics) if settings.request_log else None
        # More threads would wait for Python's lock, each with its own memory.
        self.pool = ThreadPoolExecutor(1, "predict")

    async def predict(self, scope: Scope, receive: Receive) -> Response:
        """Predict rows or columns."""
        return await self._respond(scope, receive, self._predict)

    async def explain(self, scope: Scope, receive: Receive) -> Response:
        """Show what drives the prediction of one row."""
        return await self._respond(scope, receive, _explain)

    async def infer(self, scope: Scope, receive: Receive) -> Response:
        """Predict by the Open Inference Protocol."""
        return await self._respond(scope, receive, self._infer)

    def _predict(self, model: Model, body: bytes, request_id: str) -> Prediction:
        batch, client_id = read_batch(body, self.settings.max_rows)
        probabilities = model.predict(batch.codes, batch.numbers)
        values = probabilities.tolist()
        content = {
            "model_name": model.name,
            "model_version": model.version,
            "id": client_id or request_id,
            "probabilities": values,
            "labels": model.labels(values),
        }
        return Prediction(msgspec.json.encode(content), batch, probabilities)

    def _infer(self, model: Model, body: bytes, request_id: str) -> Prediction:
        batch, infer = read_infer(body, self.settings.max_rows)
        probabilities = model.predict(batch.codes, batch.numbers)
        content = infer_response(model, infer, request_id, probabilities)
        return Prediction(content, batch, probabilities)

    async def _respond(self, scope: Scope, receive: Receive, predict: Predict) -> Response:
        state = self.state
        body = await read_body(scope, receive, state, self.settings)
        active = state.require_active()
        if state.in_progress >= self.settings.max_concurrent:
            raise RequestError(503, "too many requests at once", retry_after_s=1)
        state.in_progress += 1
        try:
            if len(body) <= _MAX_INLINE_BYTES:
                prediction = predict(active.model, body, scope["request_id"])
            else:
                arguments = (active.model, body, scope["request_id"])
                loop = asyncio.get_running_loop()
                async with asyncio.timeout(self.settings.timeout_s):
                    # The future gets no name: the traceback of a refusal would keep it, and it the
                    # refusal and the body, until the garbage collector runs. `wait_for` names it.
                    prediction = await loop.run_in_executor(self.pool, predict, *arguments)
        except TimeoutError:
            detail = f"the prediction took more than {self.settings.timeout_s:g} s"
            raise RequestError(503, detail, retry_after_s=1) from None
        finally:
            state.in_progress -= 1
        self._count(active, prediction, scope["request_id"])
        version = (b"x-model-version", active.model.version.encode())
        return Response(prediction.content, 200, JSON, (version,))

    def _count(self, active: ActiveModel, prediction: Prediction, request_id: str) -> None:
        if prediction.probabilities is None:
            return
        batch, probabilities = prediction.batch, prediction.probabilities
        active.window.add(batch.codes, batch.numbers, probabilities)
        if active.window.is_due:
            self.metrics.count_pending(active.window)
        if self.log:
            self.log.write(request_id, active.model, batch, probabilities)


def _explain(model: Model, body: bytes, _: str) -> Prediction:
    batch, _client_id = read_batch(body, 1)
    content = {"model_version": model.version, **explain(model, batch)}
    return Prediction(msgspec.json.encode(content), batch, None)
