"""`python -m serving.tools.drift`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.tools.drift import main
from tests.serving.conftest import Rows, StartServer


def test_the_command_shows_drifted_columns_and_exits_with_1(
    bundle: Path, features_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    december = features_root / "data/features/2013-12.parquet"
    out = ["--json", str(tmp_path / "d.json"), "--html", str(tmp_path / "d.html")]
    assert main([str(bundle), str(december), *out]) == 1
    text = capsys.readouterr().out
    written = json.loads((tmp_path / "d.json").read_text())
    assert written["rows"] == 28_135
    assert written["above"]
    assert written["above"][0] in text.splitlines()[1]
    html = (tmp_path / "d.html").read_text()
    assert all(f"<td>{column['column']}</td>" in html for column in written["columns"])
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html


def test_a_month_compared_with_itself_has_not_drifted(
    features_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    december = str(features_root / "data/features/2013-12.parquet")
    assert main([december, december]) == 0
    assert "0 columns above" in capsys.readouterr().out


def test_a_file_that_is_not_a_table_exits_with_2(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [("a.csv", "x,y\n1,2\n"), ("b.txt", ""), ("c.jsonl", "{"), ("d.parquet", "PAR1")]
    bad += [("e.jsonl", '{"columns": 5}'), ("f.jsonl", "[1]"), ("g.jsonl", '{"a": {}}\n')]
    bad += [("h.jsonl", '{"columns": {"carrier": ["UA"]}, "probabilities": [0.5]}')]
    for name, content in bad:
        (tmp_path / name).write_text(content)
        assert main([str(bundle), str(tmp_path / name)]) == 2
        assert f"table {tmp_path / name}: " in capsys.readouterr().err
    assert main([str(bundle), str(tmp_path / "nowhere")]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["nan", "-1", "much"])
def test_a_threshold_that_nothing_can_be_above_is_refused(
    bundle: Path, threshold: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(bundle), str(bundle), f"--threshold={threshold}"])
    assert "invalid threshold" in capsys.readouterr().err


def test_redacted_columns_of_the_request_log_count_as_not_known(
    bundle: Path, start: StartServer, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "requests.jsonl"
    server = start(bundle, request_log=log, redact="dest,departure,distance_mi,visib")
    server.request("POST", "/predict", {"rows": rows[:50]})
    main([str(bundle), str(log), "--json", str(tmp_path / "d.json")])
    assert "50 rows" in capsys.readouterr().out
    columns = json.loads((tmp_path / "d.json").read_text())["columns"]
    hidden = {"dest", "departure_min", "weekday", "block_min", "distance_mi", "visib"}
    assert {c["column"] for c in columns if c["missing_now"] == 1} >= hidden
    assert all(c["missing_now"] < 1 for c in columns if c["column"] in ("carrier", "dewp"))
    assert all(c["unseen"] == 0 for c in columns)


def test_the_request_log_can_be_compared(
    bundle: Path, start: StartServer, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "requests.jsonl"
    server = start(bundle, request_log=log)
    for at in range(0, 200, 50):
        server.request("POST", "/predict", {"rows": rows[at : at + 50]})
    main([str(bundle), str(log), "--json", str(tmp_path / "d.json")])
    columns = {c["column"]: c for c in json.loads((tmp_path / "d.json").read_text())["columns"]}
    assert "200 rows" in capsys.readouterr().out
    for column, drift in columns.items():
        gauge = server.metric(f'serving_feature_psi{{feature="{column}"}}')
        assert gauge == pytest.approx(drift["psi"], rel=1e-6)
