"""What a toolchain costs besides time: bytes on disk, and lines that its user writes."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

_DATA = {".json", ".yaml", ".yml", ".dvc"}
_BLOCK_BYTES = 512


def stored_bytes(folders: Iterable[Path]) -> int:
    """Return the bytes on disk of all files below some folders; hard links count once."""
    found: dict[tuple[int, int], int] = {}
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                try:
                    status = os.lstat(os.path.join(parent, name))  # noqa: PTH118  many files
                except FileNotFoundError:
                    continue  # a toolchain removes it at this moment
                found[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK_BYTES
    return sum(found.values())


def user_lines(project: Path, patterns: Sequence[str]) -> int:
    """Return the lines of the files that a user of the toolchain writes.

    Parameters
    ----------
    patterns
        The files, relative to the project, as in `Path.glob`.
    """
    paths = {path for pattern in patterns for path in project.glob(pattern)}
    return sum(count_lines(path) for path in paths if path.is_file())


def count_lines(path: Path) -> int:
    """Return the lines of a file without empty ones, comments and docstrings.

    Data counts as YAML in which a list of values takes one line, in whichever format it is.
    """
    text = path.read_text()
    if path.suffix in _DATA:
        data = yaml.safe_load(text)
        text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=10**6)
    lines = [line.strip() for line in text.splitlines()]
    documented = _docstring_lines(text) if path.suffix == ".py" else set()
    return sum(
        bool(line) and not line.startswith("#") and number not in documented
        for number, line in enumerate(lines, 1)
    )


def _docstring_lines(text: str) -> set[int]:
    """Return the numbers of the lines of Python code that only hold a docstring."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found
