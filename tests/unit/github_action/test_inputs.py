"""The inputs: read from the environment, all problems in one error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.errors import UsageError
from dvc_bridge.github_action.inputs import PREFIX, Mode, read_inputs, variable
from tests.conftest import REPOSITORY


def test_without_inputs_the_whole_project_here_is_planned() -> None:
    inputs = read_inputs({})
    assert (inputs.mode, inputs.folder, inputs.targets) == (Mode.PLAN, Path(), ())


def test_targets_are_lines() -> None:
    inputs = read_inputs({variable("targets"): "train\n\n  a b; rm -rf x \n"})
    assert inputs.targets == ("train", "a b; rm -rf x")


def test_an_unknown_mode_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"mode is 'pan', not one of plan, convert"):
        read_inputs({variable("mode"): "pan"})


def test_all_problems_are_in_one_error() -> None:
    environment = {
        variable("jobs"): "0",
        variable("force"): "yes",
        variable("kind"): "Pod",
        variable("check"): "true",
    }
    with pytest.raises(UsageError) as caught:
        read_inputs(environment)
    lines = caught.value.message.splitlines()
    assert [line.split()[0] for line in lines] == ["jobs", "force", "kind", "check"]


def test_every_input_of_the_action_is_read() -> None:
    """An input that nothing reads would be ignored silently."""
    seen: list[str] = []

    class Recorder(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            seen.append(key)
            return default

    read_inputs(Recorder())
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    installers = {variable("python"), variable("cache")}
    assert {variable(name) for name in action["inputs"]} - installers == {
        key for key in seen if key.startswith(PREFIX)
    }
