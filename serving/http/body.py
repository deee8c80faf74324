"""A request's body, read within limits."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from serving.errors import RequestError
from serving.settings import Settings
from serving.state import Live


async def read_body(scope: Scope, receive: Receive, live: Live, settings: Settings) -> bytes:
    """Read a JSON body.

    Raises
    ------
    RequestError
        415 for another content type or an encoded body, 413 for one too large, 503 if too much is
        held in memory already.
    ClientDisconnect
        The client went away, or was too slow and its connection was closed.
    """
    length = _check_headers(scope)
    if length > settings.max_body_bytes:
        await _discard(receive, settings.max_body_bytes)
        raise _too_large(settings)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        content: bytes = message["body"]
        if len(content) > settings.max_body_bytes:
            raise _too_large(settings)
        return content
    parts: list[bytes] = []
    size = 0
    try:
        while True:
            if message["type"] != "http.request":
                raise ClientDisconnect
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            live.held_bytes += len(part)
            if size > settings.max_body_bytes:
                await _discard(receive, settings.max_body_bytes)
                raise _too_large(settings)
            if live.held_bytes > settings.max_held_bytes:
                raise RequestError(
                    503, "too many large requests at once", retry_after_s=1, close=True
                )
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()
    finally:
        live.held_bytes -= size


async def _discard(receive: Receive, most: int) -> None:
    """Let the rest come in, so that the client reads the answer; a client that goes on is cut."""
    more = True
    while more and most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        more = message.get("more_body", False)


def _check_headers(scope: Scope) -> int:
    """Give the stated length, 0 where none is stated."""
    kind, length = b"", 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"content-length":
            # The server has refused a length that is no number.
            length = int(value)
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise RequestError(415, "an encoded body is not taken; send plain JSON")
        elif name == b"inference-header-content-length":
            raise RequestError(415, "the binary tensor extension is not spoken")
    if kind.split(b";", 1)[0].strip().lower() != b"application/json":
        raise RequestError(415, "the content type is not application/json")
    return length


def _too_large(settings: Settings) -> RequestError:
    detail = f"the body has more than {settings.max_body_bytes} bytes"
    return RequestError(413, detail, close=True)
