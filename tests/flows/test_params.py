"""Errors in params.yaml name the parameter and its value."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml as parsed_by_dvc

from flows.errors import StageError
from flows.params import parse_params, parse_yaml
from flows.pipeline import run_stage
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("features", "lead_min", 60),
        ("features", "lead_min", "120"),
        ("features", "unknown", 1),
        ("ingest", "package", ""),
        ("ingest", "last_month", "٢٠١٣-12"),
        ("backtest", "months", ["2013-08", "2013-07"]),
        ("backtest", "months", ["2013-07", "2013-07"]),
        ("windows", "test_first", "2013-13"),
        ("export", "max_difference", float("nan")),
        ("backtest", "months", []),
        ("models", "hgb", None),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(
    values: dict[str, Any], section: str, name: str, value: Any
) -> None:
    values[section][name] = value
    with pytest.raises(StageError) as raised:
        parse_params(values)
    assert f"{section}.{name}" in str(raised.value)
    assert repr(value) in str(raised.value)


@pytest.mark.parametrize("section", ["features", "evaluate"])
def test_a_duplicate_key_is_refused_with_its_line(section: str) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    line = len(text.splitlines()) + 1
    with pytest.raises(StageError, match=rf'duplicate key "{section}" .* in line {line}'):
        parse_yaml(f"{text}{section}: 1\n")


def test_a_duplicate_key_in_a_section_is_refused() -> None:
    with pytest.raises(StageError, match=r'params.yaml is not YAML: .* key "seed" .* in line 4'):
        parse_yaml("evaluate:\n  seed: 0\n  gate: {}\n  seed: 1\n")


@pytest.mark.parametrize(
    "number", ["060", "0o17", "0x78", "1_20", "2:00", "1e-5", "yes", "~", ".5"]
)
def test_a_number_is_the_one_that_dvc_records(number: str) -> None:
    text = f"a: {number}\n"
    assert parse_yaml(text) == parsed_by_dvc(text, "params.yaml")


def test_params_yaml_is_read_as_dvc_reads_it() -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    assert parse_yaml(text) == parsed_by_dvc(text, "params.yaml")


@pytest.mark.parametrize(
    "content",
    [
        *(b"a: [1", b"- 1", b"", b"\xff", "a: 1".encode("utf-16"), b"a: " + b"[" * 3000),
        *(b"a: !!int abc", b"a: 2013-13-41", b"a: " + b"1" * 5000, b"a: !!bool abc", b"a: \0"),
    ],
    ids=range(11),
)
def test_a_file_that_is_not_a_mapping_is_refused(content: Any) -> None:
    with pytest.raises(StageError, match=r"params\.yaml "):
        parse_yaml(content)


def test_windows_out_of_order_are_refused(values: dict[str, Any]) -> None:
    values["windows"]["valid_first"] = "2013-12"
    with pytest.raises(StageError, match="in time order"):
        parse_params(values)


@pytest.mark.parametrize("candidates", [["hgb"], ["rate_table", "rate_table"], []])
def test_candidates_contain_the_rate_table_and_no_duplicate(
    values: dict[str, Any], candidates: Any
) -> None:
    values["candidates"] = candidates
    with pytest.raises(StageError) as raised:
        parse_params(values)
    assert str(raised.value).startswith(f"params.yaml: parameter candidates = {candidates}: ")


@pytest.mark.parametrize("name", ["nonsense", "ingest@", "export@x", "train", "@hgb"])
def test_an_unknown_stage_is_refused_with_the_list_of_stages(
    values: dict[str, Any], tmp_path: Path, name: str
) -> None:
    with pytest.raises(StageError, match="train@CANDIDATE"):
        run_stage(tmp_path, parse_params(values), name)


@pytest.mark.parametrize("name", ["train@", "train@nonsense", "backtest@2013-01"])
def test_an_item_that_is_not_in_params_yaml_is_refused(
    values: dict[str, Any], tmp_path: Path, name: str
) -> None:
    with pytest.raises(StageError, match=r"is not in params\.yaml"):
        run_stage(tmp_path, parse_params(values), name)
