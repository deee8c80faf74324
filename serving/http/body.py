"""Reads the body of a request within the limits."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from serving.errors import RequestError
from serving.settings import Settings
from serving.state import ServerState


async def read_body(
    scope: Scope, receive: Receive, state: ServerState, settings: Settings
) -> bytes:
    """Read a JSON body.

    Raises
    ------
    RequestError
        415 for another content type or an encoded body, 413 for a body that is too large, 503 if
        the server already holds too many bytes.
    ClientDisconnect
        The client closed the connection, or was too slow and the server closed it.
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
            state.held_bytes += len(part)
            if size > settings.max_body_bytes:
                await _discard(receive, settings.max_body_bytes)
                raise _too_large(settings)
            if state.held_bytes > settings.max_held_bytes:
                raise RequestError(
                    503, "too many large requests at once", retry_after_s=1, close=True
                )
            if not message.get("more_body"):
                return b"".join(parts)
            message = await receive()
    finally:
        state.held_bytes -= size


async def _discard(receive: Receive, most: int) -> None:
    """Read the rest of the body, at most `most` bytes, so that the client reads the response."""
    more = True
    while more and most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        more = message.get("more_body", False)


def _check_headers(scope: Scope) -> int:
    """Return the content length, 0 without one."""
    content_type, length = b"", 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            # The HTTP parser has refused a length that is not a number.
            length = int(value)
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise RequestError(415, "encoded bodies are not supported; send plain JSON")
        elif name == b"inference-header-content-length":
            raise RequestError(415, "the binary tensor extension is not supported")
    if content_type.split(b";", 1)[0].strip().lower() != b"application/json":
        raise RequestError(415, "the content type is not application/json")
    return length


def _too_large(settings: Settings) -> RequestError:
    detail = f"the body has more than {settings.max_body_bytes} bytes"
    return RequestError(413, detail, close=True)
