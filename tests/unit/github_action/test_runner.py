"""Outputs, annotations and the log of a step."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.github_action.runner import (
    Annotation,
    Level,
    print_annotations,
    without_commands,
    write_outputs,
)
from tests.support.action_step import read_outputs
from tests.support.hostile_texts import HOSTILE


def test_no_value_ends_its_own_text(tmp_path: Path) -> None:
    file = tmp_path / "output"
    outputs = {f"o{n}": text for n, text in enumerate(HOSTILE)}
    write_outputs(file, outputs)
    write_outputs(file, {"last": ""})
    expected = {k: v.encode("utf-8", "replace").decode() for k, v in outputs.items()}
    assert read_outputs(file) == {**expected, "last": ""}


def test_the_delimiters_cannot_be_guessed(tmp_path: Path) -> None:
    write_outputs(tmp_path / "a", {"x": "1"})
    write_outputs(tmp_path / "b", {"x": "1"})
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_at_most_ten_annotations_are_printed_and_the_last_counts_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_annotations([Annotation("t", str(n)) for n in range(10)])
    assert len(capsys.readouterr().out.splitlines()) == 10
    print_annotations([Annotation("t", str(n), level=Level.WARNING) for n in range(12)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "::warning title=t::0"
    assert len(lines) == 10
    assert lines[-1].startswith("::warning title=dvc-bridge::and 3 more problems")
    warnings = [Annotation("t", str(n), level=Level.WARNING) for n in range(11)]
    print_annotations([*warnings, Annotation("t", "hidden")])
    assert capsys.readouterr().out.splitlines()[-1].startswith("::error title=dvc-bridge::and 3")


def test_a_position_without_a_file_is_left_out() -> None:
    assert str(Annotation("t", "50%\nnext", line=3)) == "::error title=t::50%25%0Anext"
    assert str(Annotation("t", "m", "a,b:c", 0)) == "::error file=a%2Cb%3Ac,title=t::m"


def test_what_a_repository_prints_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), without_commands():  # also after an error
        print("::error::pwned", end="")
        raise ZeroDivisionError
    first, inside, last = capsys.readouterr().out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert (inside, last) == ("::error::pwned", f"::{token}::")
    assert len(token) == 32
