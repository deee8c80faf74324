"""Around every request: its id, the time it takes, its status, and errors as responses."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import RequestError
from serving.http.endpoint import Endpoint
from serving.http.response import Response, error_response
from serving.monitoring.metrics import Metrics

log = logging.getLogger("serving")

_REQUEST_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)
# The status that nginx uses for a client that closed the connection.
_CLIENT_CLOSED_REQUEST = 499


class RequestMiddleware:
    """The outermost ASGI application.

    The request id is the client's X-Request-Id if it is short and plain, else a random one. The
    response has it in the same header, and `scope["request_id"]` holds it.

    Parameters
    ----------
    app : ASGI application
        Responds to what is not in `direct`.
    direct : mapping of path to endpoint
        POST requests that do not pass through the router: it would cost a one-row prediction a
        third of its CPU.
    """

    def __init__(self, app: ASGIApp, direct: Mapping[str, Endpoint], metrics: Metrics) -> None:
        self.app, self.direct, self.metrics = app, direct, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        if scope["type"] != "http":
            raise RuntimeError(f"ASGI scope {scope['type']!r} is not supported")
        start = time.perf_counter()
        request_id = _client_request_id(scope["headers"]) or os.urandom(8).hex().encode()
        scope["request_id"] = request_id.decode()
        status = _CLIENT_CLOSED_REQUEST

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        endpoint = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if endpoint:
                response = await endpoint.handler(scope, receive)
                if response.send_in_one_write(scope, request_id):
                    status = response.status
                else:
                    await response.send(send_with_id)
            else:
                scope["app"] = self  # with it the router raises HTTPException for 404 and 405
                await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            pass
        except (RequestError, HTTPException) as error:
            await error_response(error, scope["path"], scope["request_id"]).send(send_with_id)
        except Exception:
            log.exception("request %s", scope["request_id"])
            if status == _CLIENT_CLOSED_REQUEST:
                await _internal_error(scope).send(send_with_id)
        finally:
            seconds = time.perf_counter() - start
            self.metrics.requests.count(_route_name(scope, endpoint), status, seconds)


def _internal_error(scope: Scope) -> Response:
    error = RequestError(500, "internal error; the server's log has the details")
    return error_response(error, scope["path"], scope["request_id"])


def _route_name(scope: Scope, endpoint: Endpoint | None) -> str:
    """Name the route from the code: paths of clients would be labels without bounds."""
    name: str = getattr(endpoint or scope.get("endpoint"), "route_name", "none")
    return name


def _client_request_id(headers: Any) -> bytes | None:
    for name, value in headers:
        if name == b"x-request-id":
            return value if _REQUEST_ID.fullmatch(value) else None
    return None
