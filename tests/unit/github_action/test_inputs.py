"""The inputs: read from the environment, all problems in one error."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.github_action.inputs import Mode, read_inputs, variable


def test_without_inputs_the_whole_project_here_is_planned() -> None:
    inputs = read_inputs({})
    assert (inputs.mode, inputs.folder, inputs.targets) == (Mode.PLAN, Path(), ())


def test_targets_are_lines() -> None:
    inputs = read_inputs({variable("targets"): "train\n\n  a b; rm -rf x \n"})
    assert inputs.targets == ("train", "a b; rm -rf x")


def test_an_unknown_mode_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"mode is 'pan', not one of plan"):
        read_inputs({variable("mode"): "pan"})
