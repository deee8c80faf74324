"""The inputs of the Action, from environment variables that action.yml sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from dvc_bridge.errors import UsageError

PREFIX = "DVC_BRIDGE_INPUT_"
_Choice = TypeVar("_Choice", bound=Enum)
_BOOLEANS = {"true": True, "false": False, "": False}


class Mode(Enum):
    """What a step does."""

    PLAN = "plan"


@dataclass(frozen=True)
class Inputs:
    """The inputs, checked.

    Parameters
    ----------
    folder
        The working directory of the step.
    targets
        The stages; empty: all stages of the project.
    """

    mode: Mode
    folder: Path
    targets: tuple[str, ...]


def variable(name: str) -> str:
    """Return the environment variable of an input."""
    return PREFIX + name.upper().replace("-", "_")


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Return the inputs of the step.

    Raises
    ------
    UsageError
        A value is invalid; the message has all problems.
    """
    reader = _Reader(environment)
    inputs = Inputs(
        mode=reader.choice("mode", Mode, Mode.PLAN),
        folder=Path(reader.text("working-directory") or "."),
        targets=tuple(line.strip() for line in reader.text("targets").splitlines() if line.strip()),
    )
    if reader.problems:
        raise UsageError("\n".join(reader.problems), "correct `with:` of the step (docs/action.md)")
    return inputs


class _Reader:
    """Reads inputs and collects the problems."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self._environment.get(variable(name), "").strip()

    def choice(self, name: str, kind: type[_Choice], default: _Choice) -> _Choice:
        text = self.text(name)
        by_value = {item.value: item for item in kind}
        if text in by_value:
            return by_value[text]
        if text:
            self.problems.append(f"{name} is {text!r}, not one of {', '.join(by_value)}")
        return default
