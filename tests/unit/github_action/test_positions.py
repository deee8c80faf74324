"""Where stages and errors are, for annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.github_action.positions import Positions

DVC_YAML = """\
vars: [a]
stages:
  first: {cmd: a}
  second:
    cmd: b
"""


@pytest.fixture
def positions(tmp_path: Path) -> Positions:
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "dvc.yaml").write_text(DVC_YAML)
    return Positions(tmp_path / "ml", tmp_path)


def test_a_stage_has_its_line_counted_from_the_repository(positions: Positions) -> None:
    assert positions.of_address("second") == ("ml/dvc.yaml", 4)
    assert positions.of_address("first@item") == ("ml/dvc.yaml", 3)
    assert positions.of_address("vars") == ("", 0)


def test_a_file_is_parsed_once_for_all_annotations(positions: Positions, tmp_path: Path) -> None:
    """Thousands of stages can have an annotation each."""
    assert positions.of_address("first") == ("ml/dvc.yaml", 3)
    (tmp_path / "ml" / "dvc.yaml").write_text("")
    assert positions.of_address("second") == ("ml/dvc.yaml", 4)


@pytest.mark.parametrize("text", ["", "a", "stages: [a]", "stages: {", "\x00"])
def test_a_file_that_is_no_pipeline_has_no_lines(text: str, tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    assert Positions(tmp_path, tmp_path).of_address("first") == ("", 0)


def test_an_error_of_two_files_has_two_annotations(positions: Positions) -> None:
    error = UsageError("dvc.yaml:5: wrong\ndvc.yaml: stage second: bad", "correct it")
    assert [(a.file, a.line) for a in positions.of_error(error)] == [
        ("ml/dvc.yaml", 5),
        ("ml/dvc.yaml", 4),
    ]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("failed to parse 'stages.second@1.cmd' in 'dvc.yaml': Could not find 'a'", 4),
        ("failed to parse 'vars' in 'dvc.yaml': 'a' does not exist", 0),
        ("dvc.yaml is not UTF-8: invalid start byte", 0),
    ],
)
def test_an_error_of_templates_or_encoding_has_its_file(
    message: str, line: int, positions: Positions
) -> None:
    (annotation,) = positions.of_error(UsageError(message))
    assert (annotation.file, annotation.line) == ("ml/dvc.yaml", line)
