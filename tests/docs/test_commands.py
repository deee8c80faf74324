"""What the pages say of the command line is what the parser takes."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dvc_bridge.cli.parser import complete_parser
from tests.conftest import REPOSITORY
from tests.docs.blocks import blocks

PAGES = sorted(
    [
        *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(REPOSITORY / "docs").rglob("*.md"),
    ]
)
TERMINALS = ("bash", "console")
SEPARATORS = ("&&", "||", ";", "|", ">", "<", "&")


def test_the_page_of_commands_is_what_the_parser_says() -> None:
    command = [sys.executable, "docs/tools/commands.py", "--check"]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_pages_with_commands_are_found() -> None:
    assert len(list(_commands(REPOSITORY / "README.md"))) > 3
    assert len(list(_commands(REPOSITORY / "docs" / "argo.md"))) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_and_option_in_a_code_block_exists(page: Path) -> None:
    wrong = [
        f"line {line}: {problem}" for line, text in _commands(page) for problem in problems(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_commands_of_the_hooks_for_pre_commit_exist() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert len(hooks) == 4
    assert not [problem for hook in hooks for problem in problems(hook["entry"])]


def test_every_target_of_make_in_a_code_block_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    used = {
        match[1]
        for page in PAGES
        for block in blocks(page)
        if block.language in TERMINALS
        for match in re.finditer(r"^\$? ?make ([a-z-]+)", block.text, re.MULTILINE)
    }
    assert used
    assert used <= targets


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dvc-bridge frobnicate", "there is no command frobnicate"),
        ("dvc-bridge plan --frobnicate", "plan has no option --frobnicate"),
        ("dvc-bridge plan [--jsn]", "plan has no option --jsn"),
        ("dvc-bridge stop -f RUN", "stop has no option -f"),
    ],
)
def test_a_command_or_option_that_does_not_exist_is_found(text: str, problem: str) -> None:
    assert list(problems(text)) == [problem]


def problems(text: str) -> Iterator[str]:
    """Yield what the parser does not know of a line `dvc-bridge ...`."""
    words = _words(text.replace("[", " ").replace("]", " "))
    (action,) = (a for a in complete_parser()._actions if isinstance(a, argparse._SubParsersAction))
    name = words[1] if len(words) > 1 else "--help"
    if name.startswith("-"):
        known = set(complete_parser()._option_string_actions)
        yield from (f"there is no option {w}" for w in words[1:] if w not in known)
        return
    if name not in action.choices:
        yield f"there is no command {name}"
        return
    options = action.choices[name]._option_string_actions
    for word in words[2:]:
        option = word.split("=")[0]
        if option.startswith("-") and option not in options:
            yield f"{name} has no option {option}"


def _words(text: str) -> list[str]:
    words = shlex.split(text, comments=True)
    ends = [n for n, word in enumerate(words) if word in SEPARATORS]
    return words[: min(ends, default=len(words))]


def _commands(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the line number and text of each call of dvc-bridge in a page's code blocks."""
    for block in blocks(page):
        if block.language not in TERMINALS:
            continue
        for number, line in enumerate(block.text.replace("\\\n", "  ").splitlines(), 1):
            if block.language == "console" and not line.startswith("$ "):
                continue
            for match in re.finditer(r"(?:^|&& |; )(?:\$ )?(dvc-bridge .*?)(?= && |$)", line):
                yield block.line + number, match[1]
