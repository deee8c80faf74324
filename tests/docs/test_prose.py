"""The prose check finds words and phrases that this project does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

BIN = Path(sys.executable).parent


def phrases_in(folder: Path, name: str, text: str) -> str:
    """Return what docs/tools/phrases.py prints about a file in a git repository."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / name).write_text(text)
    command = [sys.executable, str(REPOSITORY / "docs/tools/phrases.py"), "."]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert checked.returncode == bool(checked.stdout), checked.stderr
    return checked.stdout


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("a.md", "Take the code as it stands.\n", "a.md:1: 'as it stands'"),
        ("a.md", "one\nthe code as\nit stands\n", "a.md:2: 'as it stands'"),
        ("a.py", "# the code as\n# it stands\n", "a.py:1: 'as it stands'"),
        ("a.py", 'def f():\n    """Give the code."""\n', 'a.py:2: \'"""Give\''),
        ("a.py", 'raise E("foo means nothing")\n', "a.py:1: 'means nothing'"),
    ],
)
def test_a_phrase_is_found_with_its_line(
    tmp_path: Path, name: str, text: str, finding: str
) -> None:
    assert phrases_in(tmp_path, name, text).startswith(finding)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "```text\nthe code as it stands\n```\n"),
        ("a.py", 'def f():\n    """Return the code."""\n'),
        ("a.py", 'def f():\n    """Forgive the code. Give up."""\n'),
    ],
)
def test_other_text_passes(tmp_path: Path, name: str, text: str) -> None:
    assert phrases_in(tmp_path, name, text) == ""


def test_a_word_of_the_list_and_a_common_typo_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("We mend teh file.\n")
    command = [str(BIN / "codespell"), str(page)]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert checked.returncode
    assert "mend ==> fix" in checked.stdout
    assert "teh ==> the" in checked.stdout
