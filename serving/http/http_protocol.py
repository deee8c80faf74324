"""uvicorn's HTTP protocol, with a time limit for slow clients and one write for each response."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

Headers = Sequence[tuple[bytes, bytes]]

# The key in a scope of the function that writes a whole response at once.
WRITE_RESPONSE = "serving.write_response"
_TIMEOUT_RESPONSE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the time from a request's first byte to its last.

    A new connection has the same time for its first byte; between requests uvicorn's own
    `timeout_keep_alive` applies.
    """

    timeout_s: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def on_message_begin(self) -> None:
        """Let the application respond by `_write_response`."""
        super().on_message_begin()
        scope: Any = self.scope
        scope[WRITE_RESPONSE] = self._write_response

    def _write_response(self, scope: Scope, status: int, headers: Headers, content: bytes) -> bool:
        """Write a response at once; return False if uvicorn has to send it.

        uvicorn checks every header with regular expressions and writes head and body apart: for one
        row that was a tenth of the CPU.
        """
        cycle: Any = self.cycle
        if cycle.scope is not scope or cycle.disconnected or cycle.response_started:
            return False
        if self.flow.write_paused or not cycle.keep_alive:
            return False
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", content)
        del scope[WRITE_RESPONSE]  # a cycle: it refers to this connection, which has the scope
        self.transport.write(b"".join(parts))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    def data_received(self, data: bytes) -> None:
        """Take bytes; if they leave a request incomplete, its time starts now."""
        super().data_received(data)
        if self._timer is None and self._waits_for_more() and not self.transport.is_closing():
            self._start_timer()

    def _waits_for_more(self) -> bool:
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            return True  # a head has begun, or the rest of a refused body arrives
        return bool(cycle.more_body) and not self.pipeline

    def on_message_complete(self) -> None:
        """Stop the timer: the request is complete."""
        self._stop_timer()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer: the connection is closed."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.timeout_s, self._close_slow_connection)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_slow_connection(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(_TIMEOUT_RESPONSE)
        self.transport.close()


def protocol_class(timeout_s: float) -> type[TimedProtocol]:
    """Return the protocol with its time limit."""
    return type("TimedProtocol", (TimedProtocol,), {"timeout_s": timeout_s})
