"""A real bundle, built by the pipeline's own functions from real flights, and servers for it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from flows.features.request_table import build_request_table
from flows.models import bundle as stage
from flows.models.candidates import fit
from flows.models.onnx_model import onnx_predict, to_onnx
from flows.models.parity import check_parity
from flows.models.sklearn_model import SklearnModel
from flows.params import Params
from flows.tables.feature_files import read_months
from flows.tables.files import write_bytes
from tests.conftest import REPOSITORY

Rows = list[dict[str, Any]]

# A row with the required columns alone.
BASE: dict[str, Any] = {
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "departure": "2013-12-24T17:30",
    "arrival": "20:15",
    "distance_mi": 1400,
}


class Trained(NamedTuple):
    """A fitted model, its test rows and the content of its model.json."""

    model: SklearnModel
    content: bytes
    test: pa.Table
    metadata: dict[str, Any]


def with_metadata(model: SklearnModel, train: pa.Table, test: pa.Table) -> Trained:
    content = to_onnx(model)
    metrics = json.loads((REPOSITORY / "models/evaluation/metrics.json").read_text())
    metadata = {
        "selected": "hgb",
        "metrics": metrics,
        "libraries": {},
        "reference": stage.reference(train, onnx_predict(content, train)),
        "routes": stage.routes(train),
        "golden": stage.golden(test, onnx_predict(content, test)),
        "parity": check_parity(content, model, test.select(model.features), 1e-5),
    }
    return Trained(model, content, test, metadata)


@pytest.fixture(scope="session")
def trained(features_root: Path, params: Params) -> Trained:
    """The booster, fitted on two months, and all flights of November and December."""
    train = read_months(features_root, "2013-09", last="2013-10")
    test = read_months(features_root, "2013-11", last="2013-12")
    model = fit("hgb", train, params.models)
    assert isinstance(model, SklearnModel)
    return with_metadata(model, train, test)


def write_bundle(folder: Path, trained: Trained, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {**trained.metadata, **changes}
    for name, data in stage.bundle_files(trained.content, metadata).items():
        write_bytes(folder / name, data)
    return folder


@pytest.fixture(scope="session")
def bundle(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle; tests must not write to it."""
    return write_bundle(tmp_path_factory.mktemp("served") / "bundle", trained)


@pytest.fixture(scope="session")
def known(flights: pa.Table, weather: pa.Table, params: Params) -> pa.Table:
    """The inputs of every flight of the year, in the order of data/features."""
    return build_request_table(flights, weather, params.features)


@pytest.fixture(scope="session")
def rows(known: pa.Table) -> Rows:
    """Two hundred real flights of November and December, as rows of a request."""
    at = np.linspace(known.num_rows * 5 // 6, known.num_rows - 1, 200).astype(np.int64)
    return as_rows(known.take(pa.array(at)))


def as_rows(known: pa.Table) -> Rows:
    """Return rows of a request; NaN becomes None, not known."""
    return [
        {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124
        for row in known.to_pylist()
    ]


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ServerProcess:
    """A server in its own process."""

    def __init__(self, bundle: Path, log: Path, **settings: Any) -> None:
        variables = {"bundle": bundle, "port": 0, **settings}
        env = {f"SERVING_{name.upper()}": str(value) for name, value in variables.items()}
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving"],
                cwd=REPOSITORY,
                env={**os.environ, **env},
                stdout=stream,
                stderr=stream,
            )
        match = self.wait_until(lambda: re.search(r"http://127.0.0.1:(\d+)", self.log_text))
        self.port = int(match[1])

    @property
    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            assert self.process.poll() is None, self.log_text
            time.sleep(0.01)
        raise AssertionError(f"not within {seconds} s\n{self.log_text}")

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            headers = {k.lower(): v for k, v in response.getheaders()}
            return Response(response.status, headers, response.read())
        finally:
            connection.close()

    def wait_until_ready(self) -> ServerProcess:
        self.wait_until(lambda: self.request("GET", "/readyz").status == 200)
        return self

    def metric(self, name: str) -> float:
        text = self.request("GET", "/metrics").body.decode()
        lines = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1]) if lines else 0.0

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.send_signal(signal.SIGTERM)
        return self.process.wait(30)


StartServer = Callable[..., ServerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers that end with the test."""
    started: list[ServerProcess] = []

    def run(bundle: Path, **settings: Any) -> ServerProcess:
        started.append(ServerProcess(bundle, tmp_path / f"server-{len(started)}.log", **settings))
        return started[-1].wait_until_ready()

    yield run
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the tests that only send requests."""
    log = tmp_path_factory.mktemp("server") / "log"
    running = ServerProcess(
        bundle, log, timeout_s=3, max_rows=1000, max_body_bytes=2_000_000
    ).wait_until_ready()
    yield running
    assert running.stop() == 0, running.log_text


class Load:
    """Threads that request one prediction after another, each on its own connection."""

    def __init__(self, server: ServerProcess, row: dict[str, Any], threads: int = 3) -> None:
        self.server, self.body = server, json.dumps({"rows": [row]})
        self.statuses: list[int] = []
        self.versions: list[str] = []
        self.errors: list[str] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while not self._stopped.is_set():
            try:
                connection.request(
                    "POST", "/predict", self.body, {"content-type": "application/json"}
                )
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            self.statuses.append(response.status)
            self.versions.append(response.headers.get("x-model-version", ""))
        connection.close()
