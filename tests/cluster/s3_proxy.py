"""A proxy in front of the S3 server that counts what passes through it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = {"connection", "transfer-encoding", "content-length"}


@dataclass
class Traffic:
    """The requests that a proxy has forwarded.

    Parameters
    ----------
    endpoint
        The URL of the proxy.
    downloads
        The size in bytes of each GET of an object that succeeded, by the path of the object.
    """

    endpoint: str
    downloads: dict[str, int] = field(default_factory=dict)


@contextmanager
def counted(server: str) -> Iterator[Traffic]:
    """Forward requests to an S3 server during the context, and count the downloads.

    The requests keep their Host header, which is part of what S3's signatures cover.
    """
    target = urlsplit(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            upstream = http.client.HTTPConnection(target.hostname or "", target.port)
            with closing(upstream):
                upstream.request(self.command, self.path, body, dict(self.headers.items()))
                answer = upstream.getresponse()
                content = answer.read()
            path, _, query = self.path.partition("?")
            if self.command == "GET" and answer.status in (200, 206) and "list-type" not in query:
                traffic.downloads[path] = traffic.downloads.get(path, 0) + len(content)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            length = answer.getheader("content-length") if is_head else str(len(content))
            self.send_header("content-length", length or "0")
            self.end_headers()
            self.wfile.write(b"" if is_head else content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815  by http.server

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        traffic = Traffic(f"http://127.0.0.1:{proxy.server_port}")
        Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield traffic
        finally:
            proxy.shutdown()
