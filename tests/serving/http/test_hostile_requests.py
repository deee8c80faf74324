"""No input leads to a 5xx: malformed bodies, and cases generated from the OpenAPI document."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.serving.conftest import Rows, ServerProcess

PATHS = ("/predict", "/explain", "/v2/models/disrupted-flights/infer")


def malformed(rows: Rows, seed: int) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Yield (kind, body, headers) forever; every request is malformed."""
    draw = random.Random(seed)
    while True:
        good = json.dumps({"rows": draw.sample(rows, 2)}).encode()
        column = draw.choice([n for n, v in rows[0].items() if isinstance(v, float)])
        cut = draw.randrange(1, len(good))

        def with_value(text: str, column: str = column) -> bytes:
            row = {**rows[0], column: "@"}
            return json.dumps({"rows": [row]}).replace('"@"', text).encode()

        depth = draw.choice([100, 2_000, 200_000])
        yield "truncated", good[:cut], {}
        yield "NaN", with_value("NaN"), {}
        yield "Infinity", with_value(draw.choice(["Infinity", "-Infinity"])), {}
        yield "deep", with_value("[" * depth + "]" * depth), {}
        yield "deep, open", b'{"rows":' + b'[{"a":' * depth, {}
        yield "huge number", with_value(draw.choice(["1e999", "9" * 400, "-1e308", "1e18"])), {}
        yield "content type", good, {"content-type": draw.choice(["text/csv", "", "x", "a/b;c"])}
        yield "gzip", gzip.compress(b" " * 5_000_000), {"content-encoding": "gzip"}
        yield "gzip, unsaid", gzip.compress(good), {}
        at = draw.randrange(len(good))
        yield "UTF-8", good[:at] + bytes([draw.randrange(0x80, 0xC0)]) + good[at:], {}
        two = [
            {**rows[0], column: True},
            {**rows[0], "dest": "@"},
        ]  # the second is read for problems
        yield "UTF-8, misfit", json.dumps({"rows": two}).encode().replace(b"@", b"\x93BOS"), {}
        yield "surrogate", with_value('"\\ud800"'), {}
        yield "null byte", good[:cut] + b"\0" + good[cut:], {}
        yield "kind", with_value(draw.choice(['"1"', "true", "{}", "[1]", '""'])), {}
        yield "noise", draw.randbytes(draw.randrange(1, 500)), {}
        yield "duplicate", b'{"rows":[],"rows":5}', {}
        yield "empty", b"", {}


def test_malformed_bodies_get_4xx_and_never_5xx(
    server: ServerProcess, rows: Rows, full_size: bool
) -> None:
    n = 1000 if full_size else 160
    cases = malformed(rows, seed=11)
    placed = {"NaN": 400, "Infinity": 400, "kind": 422}
    for number, (kind, body, headers) in zip(range(n), cases, strict=False):
        for path in PATHS[: 3 if number % 8 == 0 else 1]:
            sent = {name.replace("-", "_"): value for name, value in headers.items()}
            response = server.request("POST", path, body, **sent)
            assert 400 <= response.status < 500, (kind, path, body[:200], response)
            assert response.json["request_id"]
            if path == "/predict" and kind == "kind":
                (problem,) = response.json["problems"]
                assert (problem["row"], response.status) == (0, placed[kind]), (body, response)
                assert f'"{problem["column"]}"'.encode() in body
    assert server.request("POST", "/predict", {"rows": rows[:1]}).status == 200
    assert server.metric('serving_requests_total{route="predict",status="500"}') == 0
    assert "Traceback" not in server.log_text
    print(f"{n} malformed bodies, none answered with 2xx or 5xx")


def test_cases_from_its_own_openapi_get_no_5xx(
    server: ServerProcess, full_size: bool, tmp_path: Path
) -> None:
    each = 1300 if full_size else 10
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"http://127.0.0.1:{server.port}/openapi.json",
        "--checks=not_a_server_error,status_code_conformance,content_type_conformance"
        ",response_schema_conformance",
        f"--max-examples={each}",
        "--phases=examples,fuzzing",
        "--mode=all",
        "--seed=1",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--no-color",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3000)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-6000:]
    assert "Traceback" not in server.log_text
    print(text[-1200:])
