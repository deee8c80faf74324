"""Connections: responses in the order of the requests, and what closes a connection."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import time
from pathlib import Path

import pytest
from starlette.types import Message, Scope

from serving.errors import RequestError
from serving.http.predictions import Predictions
from serving.model.model import load_model
from serving.monitoring.metrics import Metrics
from serving.monitoring.window import Window
from serving.settings import Settings
from serving.state import ActiveModel, ServerState
from tests.serving.conftest import Rows, ServerProcess, StartServer


def request(body: str, name: str, version: str = "1.1", more: str = "") -> bytes:
    head = f"POST /predict HTTP/{version}\r\nhost: x\r\nx-request-id: {name}\r\n{more}"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def until_closed(connection: socket.socket) -> str:
    return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_pipelined_requests_get_responses_in_their_order(server: ServerProcess, rows: Rows) -> None:
    good, bad = json.dumps({"rows": rows[:1]}), json.dumps({"rows": []})
    sent = [request(bad if n % 3 == 2 else good, f"n{n}") for n in range(9)]
    sent.append(request(good, "n9", more="connection: close\r\n"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"".join(sent))
        responses = until_closed(connection)
    assert re.findall(r"x-request-id: (\w+)", responses) == [f"n{n}" for n in range(10)]
    statuses = [int(s) for s in re.findall(r"HTTP/1.1 (\d+)", responses)]
    assert statuses == [422 if n % 3 == 2 else 200 for n in range(10)]


@pytest.mark.parametrize(
    ("version", "more"), [("1.0", ""), ("1.1", "connection: close\r\n")], ids=["1.0", "close"]
)
def test_the_connection_is_closed_for_a_client_that_wants_it(
    server: ServerProcess, rows: Rows, version: str, more: str
) -> None:
    body = json.dumps({"rows": rows[:1]})
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request(body, "only", version, more))
        response = until_closed(connection)
    assert response.startswith("HTTP/1.1 200")
    assert "connection: close" in response


@pytest.mark.parametrize("part", [b"\r\n", b"POST /pre"], ids=["blank lines", "half a line"])
def test_a_second_request_that_stays_incomplete_ends_the_connection(
    bundle: Path, start: StartServer, rows: Rows, part: bytes
) -> None:
    server = start(bundle, timeout_s=0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request(json.dumps({"rows": rows[:1]}), "first"))
        assert b"HTTP/1.1 200" in connection.recv(65536)
        begin = time.monotonic()
        connection.sendall(part)
        while time.monotonic() < begin + 0.3:
            time.sleep(0.1)
            connection.sendall(b"\r\n" if part == b"\r\n" else b"x")
        until_closed(connection)
        assert 0.4 < time.monotonic() - begin < 3


def test_a_refused_large_body_is_freed(bundle: Path) -> None:
    """Neither it nor its refusal waits for the garbage collector."""
    state, settings = ServerState(), Settings()
    model = load_model(bundle)
    state.active = ActiveModel(model, Window(model.metadata, 1000))
    predictions = Predictions(state, settings, Metrics(state))
    body = json.dumps({"columns": {"carrier": ["?"] * 50_000}}).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send_refused() -> None:
        scope: Scope = {"headers": [(b"content-type", b"application/json")], "request_id": "x"}
        with pytest.raises(RequestError):
            await predictions.predict(scope, receive)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(send_refused())
        predictions.pool.shutdown()  # its thread may still be about to let the refusal go
        assert not [o for o in gc.get_objects() if isinstance(o, RequestError)]
    finally:
        gc.enable()
