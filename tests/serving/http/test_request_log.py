"""The request log: one line for each prediction, without redacted columns."""

from __future__ import annotations

import json
from pathlib import Path

from tests.serving.conftest import BASE, ServerProcess, StartServer


def test_the_request_log_has_one_line_per_request_without_redacted_columns(
    bundle: Path, start: StartServer, tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    server = start(bundle, request_log=log, redact="dest, distance_mi")
    response = server.request("POST", "/predict", {"rows": [BASE, BASE]}).json
    server.request("POST", "/predict", {"rows": [{**BASE, "dest": 1}]})
    (line,) = [json.loads(text) for text in log.read_text().splitlines()]
    assert line["request_id"] == response["id"]
    assert line["probabilities"] == response["probabilities"]
    assert line["columns"]["departure"] == [BASE["departure"]] * 2
    assert line["columns"]["arrival"] == [BASE["arrival"]] * 2
    assert line["columns"]["dest"] == line["columns"]["distance_mi"] == "redacted"
    assert "IAH" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_without_the_setting_no_request_is_logged(server: ServerProcess) -> None:
    server.request("POST", "/predict", {"rows": [{**BASE, "dest": "QQQ"}]})
    assert "QQQ" not in server.log_text
