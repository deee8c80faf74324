"""action.yml: what the Marketplace and the entry point expect of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from dvc_bridge.github_action.inputs import PREFIX, Delivery, Kind, Mode, variable
from tests.conftest import REPOSITORY

KEBAB = re.compile(r"[a-z0-9]+(-[a-z]+)*")


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    return loaded


def test_the_marketplace_has_all_it_asks_for(action: dict[str, Any]) -> None:
    assert action["name"] == "dvc-bridge"
    assert 20 <= len(action["description"]) <= 125
    assert action["author"]
    assert set(action["branding"]) == {"icon", "color"}
    assert (REPOSITORY / "README.md").is_file()
    assert not (REPOSITORY / "action.yaml").exists()


def test_every_input_and_output_is_described(action: dict[str, Any]) -> None:
    for name, value in action["inputs"].items():
        assert KEBAB.fullmatch(name)
        assert set(value) == {"description", "required", "default"}, name
        assert value["required"] is False
        assert isinstance(value["default"], str), name
    for name, value in action["outputs"].items():
        assert KEBAB.fullmatch(name)
        assert set(value) == {"description", "value"}, name
        assert value["value"] == f"${{{{ steps.run.outputs.{name} }}}}"


def test_inputs_reach_the_steps_as_environment_variables_only(action: dict[str, Any]) -> None:
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all("uses" not in step for step in steps)
    assert all("${{" not in step["run"] for step in steps)
    passed = {k: v for step in steps for k, v in step["env"].items() if k.startswith(PREFIX)}
    assert passed == {variable(name): f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


def test_the_types_are_those_of_the_inputs_and_outputs(action: dict[str, Any]) -> None:
    types = yaml.safe_load((REPOSITORY / "action-types.yml").read_text())
    assert list(types["inputs"]) == list(action["inputs"])
    assert list(types["outputs"]) == list(action["outputs"])
    for name, value in types["inputs"].items():
        default = action["inputs"][name]["default"]
        if value["type"] == "enum":
            assert default in value["allowed-values"], name
        if value["type"] == "boolean":
            assert default in ("true", "false"), name
    enums = {"mode": Mode, "kind": Kind, "result": Delivery}
    for name, kind in enums.items():
        assert types["inputs"][name]["allowed-values"] == [item.value for item in kind]
