"""The measure of drift, the window that the server keeps, and the command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from flows.stages.columns import CATEGORIES, NUMBERS
from flows.stages.histograms import bin_counts, code_histogram, number_histogram
from serving.model.bundle_reader import read_bundle
from serving.model.metadata import Reference
from serving.monitoring.psi import COLUMNS, PROBABILITY, Counts, Grid, missing, unseen
from serving.monitoring.window import Window
from serving.tools.drift import main
from tests.serving.conftest import Server

WIND = COLUMNS.index("wind_speed")


def grid_of(values: np.ndarray, codes: list[str]) -> Grid:
    """Make a grid in which every number column has the same reference, and every code column."""
    numbers = Reference(**number_histogram(values.astype(np.float32)))
    names = {**dict.fromkeys(CATEGORIES, Reference(**code_histogram(codes)))}
    return Grid({**names, **dict.fromkeys((*NUMBERS, PROBABILITY), numbers)})


def count(grid: Grid, values: np.ndarray, code: str = "UA") -> Counts:
    """Count `values` in every number column, and one code in every code column."""
    codes = np.full((len(values), len(CATEGORIES)), code, object)
    numbers = np.repeat(values.astype(np.float32)[:, None], len(NUMBERS), axis=1)
    return grid.count(codes, numbers, values)


def test_the_index_by_hand():
    """Reference 50, 50 and none above, now 80, 20 and none; half a row is added to each bin."""
    grid = grid_of(np.array([0.0] * 50 + [1.0] * 50), ["UA"])
    counted = count(grid, np.array([0.0] * 80 + [1.0] * 20))
    before, now = ([n / 101.5 for n in bins] for bins in ((50.5, 50.5, 0.5), (80.5, 20.5, 0.5)))
    expected = sum((q - p) * math.log(q / p) for p, q in zip(before, now, strict=True))
    assert grid.psi(counted)[WIND] == pytest.approx(expected)
    assert expected == pytest.approx(0.404, abs=1e-3)


@pytest.mark.parametrize("seed", [3])
def test_bins_are_cut_where_the_pipeline_cut_them(seed: int):
    """The grid of the server and the histograms of export count alike, ties and NaN included."""
    random = np.random.default_rng(seed)
    values = random.choice([0.0, 0.1, 0.2, 0.3, 1e6, np.nan, *random.normal(size=30)], 5000)
    grid = grid_of(values, ["UA"])
    counted = count(grid, values)
    edges = np.array(number_histogram(values.astype(np.float32))["edges"], np.float32)
    expected = bin_counts(edges, values.astype(np.float32))
    assert counted[WIND][: len(edges) + 1].tolist() == expected[:-1].tolist()
    assert missing(counted)[WIND] == expected[-1] > 0
    assert counted[WIND].tolist() == grid.reference[WIND].tolist()
    assert grid.psi(counted)[WIND] == pytest.approx(0, abs=1e-12)


def test_no_shift_is_no_alarm_and_half_a_deviation_is_one():
    """Over 200 seeds, with windows of 1,000 rows and the threshold 0.1 of "no change"."""
    alarms, found = 0, 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        grid = grid_of(random.normal(size=20_000), ["UA"])
        alarms += grid.psi(count(grid, random.normal(size=1000)))[WIND] > 0.1
        found += grid.psi(count(grid, random.normal(0.5, size=1000)))[WIND] > 0.1
    assert alarms < 10
    assert found > 190


def test_codes_never_seen_are_counted_and_move_the_index():
    grid = grid_of(np.zeros(10), ["UA"] * 90 + ["DL"] * 10)
    same, new = count(grid, np.zeros(100), "UA"), count(grid, np.zeros(100), "ZZ")
    assert (unseen(same)[0], unseen(new)[0]) == (0, 100)
    assert grid.psi(new)[0] > grid.psi(same)[0]


def test_the_window_forgets(bundle: Path):
    description = read_bundle(bundle).description
    window = Window(description, 1000)
    codes = np.full((250, 3), "ZZ", object)
    numbers = np.zeros((250, len(NUMBERS)), np.float32)
    window.add(codes, numbers, np.full(250, 0.5))
    window.fold()
    assert window.drift()["carrier"].unseen == 1
    for _ in range(20):
        window.add(np.full((250, 3), "UA", object), numbers, np.full(250, 0.5))
        window.fold()
    assert window.rows == 1000
    assert window.drift()["carrier"].unseen == 0
    assert window.drift()["dest"].unseen == 1


def test_the_command_tells_what_moved_and_ends_with_1(bundle, features_root, tmp_path, capsys):
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


def test_a_month_against_itself_has_not_moved(features_root, capsys):
    december = str(features_root / "data/features/2013-12.parquet")
    assert main([december, december]) == 0
    assert "0 columns above" in capsys.readouterr().out


def test_a_file_that_is_no_table_ends_with_2(bundle, tmp_path, capsys):
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
def test_a_threshold_that_nothing_can_be_above_is_refused(bundle, threshold, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(bundle), str(bundle), f"--threshold={threshold}"])
    assert "invalid threshold" in capsys.readouterr().err


def test_redacted_columns_of_the_request_log_count_as_not_known(
    bundle, start, rows, tmp_path, capsys
):
    log = tmp_path / "requests.jsonl"
    server: Server = start(bundle, request_log=log, redact="dest,departure,distance_mi,visib")
    server.ask("POST", "/predict", {"rows": rows[:50]})
    main([str(bundle), str(log), "--json", str(tmp_path / "d.json")])
    assert "50 rows" in capsys.readouterr().out
    found = json.loads((tmp_path / "d.json").read_text())["columns"]
    hidden = {"dest", "departure_min", "weekday", "block_min", "distance_mi", "visib"}
    assert {c["column"] for c in found if c["missing_now"] == 1} >= hidden
    assert all(c["missing_now"] < 1 for c in found if c["column"] in ("carrier", "dewp"))
    assert all(c["unseen"] == 0 for c in found)


def test_the_request_log_can_be_compared(bundle, start, rows, tmp_path, capsys):
    log = tmp_path / "requests.jsonl"
    server: Server = start(bundle, request_log=log)
    for at in range(0, 200, 50):
        server.ask("POST", "/predict", {"rows": rows[at : at + 50]})
    main([str(bundle), str(log), "--json", str(tmp_path / "d.json")])
    found = {c["column"]: c for c in json.loads((tmp_path / "d.json").read_text())["columns"]}
    assert "200 rows" in capsys.readouterr().out
    for column, drift in found.items():
        gauge = server.metric(f'serving_feature_psi{{feature="{column}"}}')
        assert gauge == pytest.approx(drift["psi"], rel=1e-6)
