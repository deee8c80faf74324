"""The requests that predict: read, answered by the model that serves, counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
from starlette.types import Receive, Scope

from serving.errors import RequestError
from serving.http import open_inference as protocol
from serving.http.body import read_body
from serving.http.request_log import RequestLog
from serving.http.response import JSON, Answer
from serving.model.explain import explain
from serving.model.model import Floats, Model
from serving.model.request import Batch, read_batch
from serving.monitoring.metrics import Metrics
from serving.settings import Settings
from serving.state import Live, Serving

# A body above this is decoded and predicted in a thread, so that probes are answered meanwhile.
_INLINE_BYTES = 64 << 10


class Predicted(NamedTuple):
    """What came of a request; `probabilities` is None where it is not counted as a prediction."""

    content: bytes
    batch: Batch
    probabilities: Floats | None


Predict = Callable[[Model, bytes, str], Predicted]


class Predictions:
    """The handlers, with what they share."""

    def __init__(self, live: Live, settings: Settings, metrics: Metrics) -> None:
        self.live, self.settings, self.metrics = live, settings, metrics
        self.log = RequestLog(settings, metrics) if settings.request_log else None
        # More threads would wait for Python's lock, each with memory of its own.
        self.pool = ThreadPoolExecutor(1, "predict")

    async def predict(self, scope: Scope, receive: Receive) -> Answer:
        """Predict rows or columns."""
        return await self._answer(scope, receive, self._predict)

    async def explain(self, scope: Scope, receive: Receive) -> Answer:
        """Say what drives the prediction of one row."""
        return await self._answer(scope, receive, _explain)

    async def infer(self, scope: Scope, receive: Receive) -> Answer:
        """Predict by the Open Inference Protocol."""
        return await self._answer(scope, receive, self._infer)

    def _predict(self, model: Model, body: bytes, request_id: str) -> Predicted:
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
        return Predicted(msgspec.json.encode(answer), batch, found)

    def _infer(self, model: Model, body: bytes, request_id: str) -> Predicted:
        batch, infer = protocol.read_infer(body, self.settings.max_rows)
        found = model.predict(batch.codes, batch.numbers)
        return Predicted(protocol.infer_response(model, infer, request_id, found), batch, found)

    async def _answer(self, scope: Scope, receive: Receive, predict: Predict) -> Answer:
        live = self.live
        body = await read_body(scope, receive, live, self.settings)
        serving = live.serving()
        if live.in_progress >= self.settings.max_concurrent:
            raise RequestError(503, "too many requests at once", retry_after_s=1)
        live.in_progress += 1
        try:
            if len(body) <= _INLINE_BYTES:
                predicted = predict(serving.model, body, scope["request_id"])
            else:
                arguments = (serving.model, body, scope["request_id"])
                loop = asyncio.get_running_loop()
                async with asyncio.timeout(self.settings.timeout_s):
                    # Under no name: a refusal's traceback would keep it, and it the refusal and the
                    # body, until the garbage collector comes. `wait_for` names it.
                    predicted = await loop.run_in_executor(self.pool, predict, *arguments)
        except TimeoutError:
            detail = f"the answer took more than {self.settings.timeout_s:g} s"
            raise RequestError(503, detail, retry_after_s=1) from None
        finally:
            live.in_progress -= 1
        self._count(serving, predicted, scope["request_id"])
        version = (b"x-model-version", serving.model.version.encode())
        return Answer(predicted.content, 200, JSON, (version,))

    def _count(self, serving: Serving, predicted: Predicted, request_id: str) -> None:
        if predicted.probabilities is None:
            return
        batch, found = predicted.batch, predicted.probabilities
        serving.window.add(batch.codes, batch.numbers, found)
        if serving.window.is_due:
            self.metrics.fold(serving.window)
        if self.log:
            self.log.write(request_id, serving.model, batch, found)


def _explain(model: Model, body: bytes, _: str) -> Predicted:
    batch, _own_id = read_batch(body, 1)
    answer = {"model_version": model.version, **explain(model, batch)}
    return Predicted(msgspec.json.encode(answer), batch, None)
