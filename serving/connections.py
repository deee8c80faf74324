"""Connections that send a request too slowly are ended, so that they do not pile up."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the time from a request's first byte to its last.

    A new connection has the same time for its first byte; between requests uvicorn's own
    `timeout_keep_alive` holds.
    """

    timeout_s: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the first ones of a request start its time."""
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start()
        super().data_received(data)

    def on_message_complete(self) -> None:
        """Note that the request is there."""
        self._stop()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.timeout_s, self._end)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(_TOO_SLOW)
        self.transport.close()


def protocol_class(timeout_s: float) -> type[TimedProtocol]:
    """Give the protocol with its time limit."""
    return type("TimedProtocol", (TimedProtocol,), {"timeout_s": timeout_s})
