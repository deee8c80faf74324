"""Around every request: an id, the time it took, its status, and errors as answers."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import RequestError
from serving.http.response import Answer, error_answer
from serving.monitoring.metrics import Metrics

log = logging.getLogger("serving")

_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)

Handler = Callable[[Scope, Receive], Awaitable[Answer]]


class Edge:
    """The outermost ASGI application.

    The id is the client's X-Request-Id if it is short and plain, else a random one; it goes back in
    the same header and stands in `scope["request_id"]`.

    Parameters
    ----------
    app : ASGI application
        Answers what is not in `direct`; an exception of it becomes a 500.
    direct : mapping of path to handler
        POST requests that are answered here: the frameworks' own way costs a one-row prediction a
        third of its CPU.
    """

    def __init__(self, app: ASGIApp, direct: Mapping[str, Handler], metrics: Metrics) -> None:
        self.app, self.direct, self.metrics = app, direct, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not spoken here")
        start = time.perf_counter()
        request_id = _given_id(scope["headers"]) or os.urandom(8).hex().encode()
        scope["request_id"] = request_id.decode()
        status = 499  # what nginx calls a client that went away

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        handler = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if handler:
                answer = await handler(scope, receive)
                if answer.send_at_once(scope, request_id):
                    status = answer.status
                else:
                    await answer.send(send_with_id)
            else:
                await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            pass
        except RequestError as error:
            await error_answer(error, scope["path"], scope["request_id"]).send(send_with_id)
        except Exception:
            log.exception("request %s", scope["request_id"])
            if status == 499:
                await _failed(scope).send(send_with_id)
        finally:
            seconds = time.perf_counter() - start
            self.metrics.requests.count(_route(scope, handler), status, seconds)


def _failed(scope: Scope) -> Answer:
    error = RequestError(500, "an error of the server; it is in its log")
    return error_answer(error, scope["path"], scope["request_id"])


def _route(scope: Scope, handler: Handler | None) -> str:
    """Name the route by its function: a path from outside would be a label without bounds."""
    return getattr(handler or scope.get("endpoint"), "__name__", "none")


def _given_id(headers: Any) -> bytes | None:
    for name, value in headers:
        if name == b"x-request-id":
            return value if _ID.fullmatch(value) else None
    return None
