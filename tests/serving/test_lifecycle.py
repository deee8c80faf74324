"""Start, reload, drain and death, with real processes and real signals."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.serving.conftest import Load, Rows, ServerProcess, StartServer, Trained, write_bundle


@pytest.fixture
def served(bundle: Path, tmp_path: Path) -> Path:
    """A bundle that the test may change."""
    return Path(shutil.copytree(bundle, tmp_path / "served"))


def replace(folder: Path, other: Path) -> None:
    """Put another bundle in place, as `python -m serving.tools.fetch_bundle` does: by renaming."""
    part, old = folder.with_name("part"), folder.with_name("old")
    shutil.copytree(other, part)
    folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old)


def _has_reloaded(server: ServerProcess, times: int) -> bool:
    return reloads(server, "loaded") == times


def reloads(server: ServerProcess, result: str) -> float:
    return server.metric(f'serving_model_reloads_total{{result="{result}"}}')


def test_it_is_not_ready_before_the_warm_up(bundle: Path, tmp_path: Path) -> None:
    """It listens first: it is alive at the first response, and ready once the model is warm."""
    server = ServerProcess(bundle, tmp_path / "log")
    try:
        seen: list[int] = []
        while not seen or seen[-1] != 200:
            seen.append(server.request("GET", "/readyz").status)
            assert server.request("GET", "/livez").status == 200
        assert set(seen) <= {503, 200}
        assert "serving disrupted-flights" in server.log_text
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"SERVING_BUNDLE": "/nowhere"}, "bundle /nowhere: No such file or directory"),
        ({"SERVING_PORT": "many", "SERVING_ROWS": "1"}, "SERVING_PORT='many'"),
        ({"SERVING_MAX_ROWS": "0"}, "out of range"),
        (
            {"SERVING_REDACT": "name", "SERVING_REQUEST_LOG": "-"},
            "SERVING_REDACT has unknown columns",
        ),
    ],
)
def test_invalid_settings_and_bundles_exit_with_2_and_a_reason(
    settings: dict[str, str], expected: str
) -> None:
    environment = {"SERVING_PORT": "0", "PATH": "/usr/bin", **settings}
    command = [sys.executable, "-m", "serving"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_reloads_under_load_lose_no_request(
    served: Path,
    trained: Trained,
    bundle: Path,
    tmp_path: Path,
    start: StartServer,
    rows: Rows,
    full_size: bool,
) -> None:
    other = write_bundle(tmp_path / "other", trained, selected="other")
    server = start(served)
    first = server.request("GET", "/model").json["version"]
    n = 500 if full_size else 20
    with Load(server, rows[0]) as load:
        for number in range(1, n + 1):
            replace(served, other if number % 2 else bundle)
            server.send_signal(signal.SIGHUP)
            server.wait_until(partial(_has_reloaded, server, number))
    assert load.errors == []
    assert set(load.statuses) == {200}
    assert len(set(load.versions)) == 2
    assert load.versions[0] == first
    print(f"{n} reloads, {len(load.statuses)} requests answered with 200, none lost")


def test_a_bad_bundle_is_refused_and_the_old_model_stays_active(
    served: Path, start: StartServer, rows: Rows
) -> None:
    server = start(served)
    before = server.request("POST", "/predict", {"rows": rows[:3]}).json
    content = bytearray((served / "model.onnx").read_bytes())
    content[1000] ^= 1
    (served / "model.onnx").write_bytes(content)
    server.send_signal(signal.SIGHUP)
    server.wait_until(lambda: reloads(server, "refused") == 1)
    after = server.request("POST", "/predict", {"rows": rows[:3]}).json
    assert after | {"id": ""} == before | {"id": ""}
    assert server.request("GET", "/readyz").status == 200
    assert "model.onnx has sha256" in server.log_text
    assert "Traceback" not in server.log_text


def test_after_sigterm_the_server_is_not_ready_drains_and_exits_with_0(
    served: Path, start: StartServer, rows: Rows
) -> None:
    server = start(served, drain_s=1.0, timeout_s=10)
    slow = Upload(server, json.dumps({"rows": rows[:2]}).encode())
    server.send_signal(signal.SIGTERM)
    server.wait_until(lambda: server.request("GET", "/readyz").status == 503)
    assert server.request("GET", "/livez").status == 200
    assert server.request("POST", "/predict", {"rows": rows[:1]}).status == 200
    time.sleep(1.5)  # the drain is over: the listener is closed, the request in progress is not
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
    assert slow.finish() == 200
    assert server.process.wait(10) == 0
    assert "Traceback" not in server.log_text


class Upload:
    """A request whose body arrives in two halves."""

    def __init__(self, server: ServerProcess, body: bytes) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.connection.putrequest("POST", "/predict")
        self.connection.putheader("content-type", "application/json")
        self.connection.putheader("content-length", str(len(body)))
        self.connection.endheaders(body[:20])
        self.rest = body[20:]
        time.sleep(0.1)

    def finish(self) -> int:
        self.connection.send(self.rest)
        return self.connection.getresponse().status


def test_a_killed_server_starts_ready_again_on_the_same_port(
    served: Path, start: StartServer
) -> None:
    server = start(served)
    server.process.kill()
    server.process.wait()
    again = start(served, port=server.port)
    assert again.port == server.port
    assert again.request("GET", "/readyz").status == 200


def test_slow_and_half_open_connections_do_not_stop_others_and_are_ended(
    served: Path, start: StartServer, rows: Rows
) -> None:
    server = start(served, timeout_s=1.5)
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    stop = threading.Event()

    def drip() -> None:
        """A byte of a header now and then on a half of them; the other half says nothing at all."""
        text = b"POST /predict HTTP/1.1\r\nhost: x\r\nx-slow: " + b"a" * 1000
        for at in range(len(text)):
            for client in slow[::2]:
                try:
                    client.send(text[at : at + 1])
                except OSError:
                    continue
            if stop.wait(0.1):
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        end = time.monotonic() + 2.5
        n = 0
        while time.monotonic() < end:
            assert server.request("POST", "/predict", {"rows": rows[:1]}).status == 200
            n += 1
        assert n > 50
        for client in slow:
            client.settimeout(10)
            try:
                received = client.recv(1000)
            except ConnectionError:
                received = b""
            assert received == b"" or received.startswith(b"HTTP/1.1 408")
    finally:
        stop.set()
        dripping.join()
        for client in slow:
            client.close()
    server.wait_until(lambda: server.metric("process_open_fds") < 60)


def test_a_slow_body_ends_with_408(served: Path, start: StartServer, rows: Rows) -> None:
    server = start(served, timeout_s=0.5)
    slow = Upload(server, json.dumps({"rows": rows[:2]}).encode())
    assert slow.connection.getresponse().status == 408
    assert server.request("POST", "/predict", {"rows": rows[:1]}).status == 200
