"""What a step tells GitHub's runner: outputs, the job summary, annotations, and its log."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dvc_bridge.github_action.literal_text import command_message, command_property
from dvc_bridge.ui.visible_text import visible_lines

# GitHub shows ten annotations of a kind for each step.
MOST_ANNOTATIONS = 10
MESSAGE_LIMIT = 2_000


class Level(Enum):
    """How serious an annotation is."""

    ERROR = "error"
    WARNING = "warning"


class Rule(Enum):
    """What kind of problem an annotation is."""

    INVALID = "invalid-project"
    CANNOT_RUN = "stage-cannot-run"
    FAILED = "stage-failed"
    DRIFTED = "manifest-drifted"

    @property
    def description(self) -> str:
        """The kind in words."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Rule.INVALID: "The DVC project or a setting of the Action is invalid.",
    Rule.CANNOT_RUN: "A stage cannot run: one of its inputs does not exist.",
    Rule.FAILED: "The command of a stage failed.",
    Rule.DRIFTED: "A committed manifest differs from what the pipeline converts to.",
}


@dataclass(frozen=True)
class Annotation:
    """A problem at a line of a file.

    Parameters
    ----------
    file
        The path from the root of the repository; empty: the error belongs to no file.
    line
        From 1; 0: the error belongs to the whole file.
    """

    title: str
    message: str
    file: str = ""
    line: int = 0
    level: Level = Level.ERROR
    rule: Rule = Rule.INVALID

    def __str__(self) -> str:
        properties = {
            "file": self.file,
            "line": str(self.line or "") if self.file else "",
            "title": self.title,
        }
        listed = ",".join(f"{k}={command_property(v)}" for k, v in properties.items() if v)
        message = visible_lines(self.message, MESSAGE_LIMIT)
        return f"::{self.level.value} {listed}::{command_message(message)}"


def print_annotations(annotations: Sequence[Annotation]) -> None:
    """Print workflow commands for the annotations, at most as many as GitHub shows."""
    shown = annotations[:MOST_ANNOTATIONS]
    if len(annotations) > MOST_ANNOTATIONS:
        shown, hidden = annotations[: MOST_ANNOTATIONS - 1], annotations[MOST_ANNOTATIONS - 1 :]
        is_error = any(annotation.level is Level.ERROR for annotation in hidden)
        level = Level.ERROR if is_error else Level.WARNING
        message = f"and {len(hidden)} more problems; the log of the step has all"
        shown = [*shown, Annotation("dvc-bridge", message, level=level)]
    for annotation in shown:
        print(annotation, flush=True)


def write_outputs(file: Path, outputs: Mapping[str, str]) -> None:
    """Append the outputs of the step to GITHUB_OUTPUT; no value can end its own text."""
    with file.open("a", encoding="utf-8", errors="replace", newline="\n") as opened:
        for name, value in outputs.items():
            end = f"end-{secrets.token_hex(16)}"
            opened.write(f"{name}<<{end}\n{value}\n{end}\n")


def append_summary(file: Path, markdown: str) -> None:
    """Append a text to the summary of the step."""
    with file.open("a", encoding="utf-8", errors="replace", newline="\n") as opened:
        opened.write(markdown)


def print_visible(text: str) -> None:
    """Print lines whose control characters are escapes."""
    print(visible_lines(text, MESSAGE_LIMIT), flush=True)


@contextmanager
def without_commands() -> Iterator[None]:
    """Print what comes from a repository: the runner takes no line of it as a command."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        sys.stderr.flush()
        print(f"\n::{token}::", flush=True)  # on its own line, whatever was printed last
