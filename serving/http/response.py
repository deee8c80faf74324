"""Answers as ASGI messages, and errors as answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from starlette.types import Scope, Send

from serving.errors import RequestError
from serving.http.http_protocol import WHOLE

JSON = b"application/json"


class Answer(NamedTuple):
    """A whole answer; Starlette's Response takes five times as long to build and send."""

    content: bytes
    status: int = 200
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Give every header."""
        length = (b"content-length", b"%d" % len(self.content))
        return [(b"content-type", self.kind), length, *self.headers]

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = self.all_headers()
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def send_at_once(self, scope: Scope, request_id: bytes) -> bool:
        """Send it in one write, with the request's id; False if that does not go: then `send`."""
        headers = [*self.all_headers(), (b"x-request-id", request_id)]
        return WHOLE in scope and bool(scope[WHOLE](scope, self.status, headers, self.content))


def json_answer(value: Any, status: int = 200) -> Answer:
    """Give `value` as JSON."""
    return Answer(msgspec.json.encode(value), status)


def error_answer(error: RequestError, path: str, request_id: str) -> Answer:
    """Give an error as RFC 9457 has it or, below /v2, as the Open Inference Protocol has it."""
    problems = [
        {k: v for k, v in problem._asdict().items() if v is not None} for problem in error.problems
    ]
    about: dict[str, Any] = {"problems": problems} if problems else {}
    about["request_id"] = request_id
    headers = []
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if error.close:
        headers.append((b"connection", b"close"))
    if path.startswith("/v2"):
        content, kind = {"error": error.detail, **about}, JSON
    else:
        content = {"type": "about:blank", "status": error.status, "detail": error.detail, **about}
        kind = b"application/problem+json"
    return Answer(msgspec.json.encode(content), error.status, kind, tuple(headers))
