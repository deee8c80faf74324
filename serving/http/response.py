"""Responses as ASGI messages, and errors as responses."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from serving.errors import RequestError
from serving.http.http_protocol import WRITE_RESPONSE

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"
HTML = b"text/html; charset=utf-8"
# Pages run their own scripts and load nothing from another host.
_PAGE_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline';"
        b" style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
    (b"cache-control", b"no-cache"),
)


class Response(NamedTuple):
    """A complete response; Starlette's Response takes five times as long to build and send."""

    content: bytes
    status: int = 200
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers with the content type and length."""
        length = (b"content-length", b"%d" % len(self.content))
        return [(b"content-type", self.media_type), length, *self.headers]

    async def send(self, send: Send) -> None:
        """Send the response as ASGI messages."""
        headers = self.all_headers()
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def send_in_one_write(self, scope: Scope, request_id: bytes) -> bool:
        """Send the response with the request's id; return False if it must go through `send`."""
        headers = [*self.all_headers(), (b"x-request-id", request_id)]
        return WRITE_RESPONSE in scope and bool(
            scope[WRITE_RESPONSE](scope, self.status, headers, self.content)
        )


def json_response(value: Any, status: int = 200) -> Response:
    """Return `value` as JSON."""
    return Response(msgspec.json.encode(value), status)


def html_response(content: bytes) -> Response:
    """Return a page that loads nothing from another host."""
    return Response(content, 200, HTML, _PAGE_HEADERS)


def error_response(error: RequestError | HTTPException, path: str, request_id: str) -> Response:
    """Return an error as RFC 9457 defines it or, below /v2, as the Open Inference Protocol does."""
    if isinstance(error, HTTPException):  # from Starlette's router: 404, 405
        return _routing_error_response(error, path, request_id)
    problems = [
        {k: v for k, v in problem._asdict().items() if v is not None} for problem in error.problems
    ]
    members: dict[str, Any] = {"problems": problems} if problems else {}
    members["request_id"] = request_id
    headers = []
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if error.close:
        headers.append((b"connection", b"close"))
    if path.startswith("/v2"):
        content, media_type = {"error": error.detail, **members}, JSON
    else:
        content = {"type": "about:blank", "status": error.status, "detail": error.detail, **members}
        media_type = PROBLEM_JSON
    return Response(msgspec.json.encode(content), error.status, media_type, tuple(headers))


def _routing_error_response(error: HTTPException, path: str, request_id: str) -> Response:
    refusal = RequestError(error.status_code, str(error.detail))
    response = error_response(refusal, path, request_id)
    headers = [(n.lower().encode(), v.encode()) for n, v in (error.headers or {}).items()]
    return response._replace(headers=(*response.headers, *headers))
