"""A real bundle, made by the pipeline's own functions from real flights, and its servers."""

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

from flows.stages import bundle as stage
from flows.stages.export import check_parity
from flows.stages.featurize import known_table
from flows.stages.files import write_bytes
from flows.stages.models import SklearnModel, fit
from flows.stages.months import read_months
from flows.stages.onnx_model import onnx_predict, to_onnx
from flows.stages.params import Params
from tests.conftest import REPOSITORY


class Trained(NamedTuple):
    """A fitted model with the rows around it."""

    model: SklearnModel
    content: bytes
    test: pa.Table
    described: dict[str, Any]


def describe(model: SklearnModel, train: pa.Table, test: pa.Table) -> Trained:
    content = to_onnx(model)
    metrics = json.loads((REPOSITORY / "models/evaluation/metrics.json").read_text())
    described = {
        "selected": "hgb",
        "metrics": metrics,
        "libraries": {},
        "reference": stage.reference(train, onnx_predict(content, train)),
        "routes": stage.routes(train),
        "golden": stage.golden(test, onnx_predict(content, test)),
        "parity": check_parity(content, model, test.select(model.features), 1e-5),
    }
    return Trained(model, content, test, described)


@pytest.fixture(scope="session")
def trained(features_root: Path, params: Params) -> Trained:
    """The booster fitted on two months, and the whole of November and December."""
    train = read_months(features_root, "2013-09", last="2013-10")
    test = read_months(features_root, "2013-11", last="2013-12")
    model = fit("hgb", train, params.models)
    assert isinstance(model, SklearnModel)
    return describe(model, train, test)


def write_bundle(folder: Path, trained: Trained, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    described = {**trained.described, **changes}
    for name, data in stage.bundle_files(trained.content, described).items():
        write_bytes(folder / name, data)
    return folder


@pytest.fixture(scope="session")
def bundle(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle; never written to by tests."""
    return write_bundle(tmp_path_factory.mktemp("served") / "bundle", trained)


@pytest.fixture(scope="session")
def known(flights: pa.Table, weather: pa.Table, params: Params) -> pa.Table:
    """What is known of every flight of the year, in the order of data/features."""
    return known_table(flights, weather, params.features)


@pytest.fixture(scope="session")
def rows(known: pa.Table) -> list[dict[str, Any]]:
    """Two hundred real flights of November and December, as a request has them."""
    at = np.linspace(known.num_rows * 5 // 6, known.num_rows - 1, 200).astype(np.int64)
    return as_rows(known.take(pa.array(at)))


def as_rows(known: pa.Table) -> list[dict[str, Any]]:
    """Give rows of a request; what is NaN is not known."""
    return [
        {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124
        for row in known.to_pylist()
    ]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A server in a process of its own."""

    def __init__(self, bundle: Path, log: Path, **settings: Any) -> None:
        given = {"bundle": bundle, "port": 0, **settings}
        env = {f"SERVING_{name.upper()}": str(value) for name, value in given.items()}
        self.log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving"],
                cwd=REPOSITORY,
                env={**os.environ, **env},
                stdout=stream,
                stderr=stream,
            )
        found = self.until(lambda: re.search(r"http://127.0.0.1:(\d+)", self.text))
        self.port = int(found[1])

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            assert self.process.poll() is None, self.text
            time.sleep(0.01)
        raise AssertionError(f"not within {seconds} s\n{self.text}")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, sent)
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            connection.close()

    def ready(self) -> Server:
        self.until(lambda: self.ask("GET", "/readyz").status == 200)
        return self

    def metric(self, name: str) -> float:
        text = self.ask("GET", "/metrics").body.decode()
        found = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    started: list[Server] = []

    def run(bundle: Path, **settings: Any) -> Server:
        started.append(Server(bundle, tmp_path / f"server-{len(started)}.log", **settings))
        return started[-1].ready()

    yield run
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that only ask."""
    log = tmp_path_factory.mktemp("server") / "log"
    running = Server(bundle, log, timeout_s=3, max_rows=1000, max_body_bytes=2_000_000).ready()
    yield running
    assert running.stop() == 0, running.text


class Load:
    """Threads that ask one row after another, each on a connection of its own, until stopped."""

    def __init__(self, server: Server, row: dict[str, Any], threads: int = 3) -> None:
        self.server, self.body = server, json.dumps({"rows": [row]})
        self.statuses: list[int] = []
        self.versions: list[str] = []
        self.errors: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while not self._over.is_set():
            try:
                connection.request(
                    "POST", "/predict", self.body, {"content-type": "application/json"}
                )
                found = connection.getresponse()
                found.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            self.statuses.append(found.status)
            self.versions.append(found.headers.get("x-model-version", ""))
        connection.close()
