"""A proxy in front of the object store that counts requests; clients sign for its address."""

from __future__ import annotations

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import urlsplit

_HOP_BY_HOP_HEADERS = ("connection", "transfer-encoding", "content-length", "expect")


class Request(NamedTuple):
    """One request; the bytes are those of the bodies."""

    method: str
    path: str
    sent_bytes: int
    received_bytes: int

    @property
    def is_data(self) -> bool:
        """Whether it is for an object of DVC, and not for a file of a run."""
        return "/files/md5/" in self.path


class Proxy:
    """Listens on a free port of the host name of the store.

    Attributes
    ----------
    requests
        All requests that have been answered.
    """

    def __init__(self, endpoint: str) -> None:
        self.requests: list[Request] = []
        store = urlsplit(endpoint)
        host = store.hostname or ""
        handler = type("Handler", (_Handler,), {"store": store.netloc, "log": self.requests})
        try:
            self._server = ThreadingHTTPServer((host, 0), handler)
        except OSError:  # the store is on another machine
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        address = self._server.server_address
        self.endpoint = f"http://{address[0]!s}:{address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: str
    log: list[Request]

    def forward(self) -> None:
        """Forward a request unchanged, and the response."""
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP_HEADERS}
        connection = HTTPConnection(self.store, timeout=60)
        has_body = "Content-Length" in self.headers
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for key, value in headers.items():
            connection.putheader(key, value)
        if has_body:
            connection.putheader("Content-Length", str(len(sent)))
        connection.endheaders(sent)
        response = connection.getresponse()
        received = response.read()
        self.send_response_only(response.status, response.reason)
        for key, value in response.getheaders():
            if key.lower() not in _HOP_BY_HOP_HEADERS:
                self.send_header(key, value)
        length = str(len(received))
        if self.command == "HEAD":
            length = response.headers.get("Content-Length") or length
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(received)
        connection.close()
        self.log.append(Request(self.command, self.path, len(sent), len(received)))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815  http.server's names
