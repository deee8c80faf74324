"""The JSON schema of dvc-bridge.yaml agrees with the parser."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.setting_keys import SECTIONS, TOP
from tests.docs.blocks import blocks
from tests.old_version.data import DATA
from tests.support.paths import REPOSITORY
from tests.unit.pipeline.test_project_settings import INVALID_IN_ARGO, INVALID_IN_STAGES

SCHEMA = json.loads((REPOSITORY / "dvc_bridge" / "dvc-bridge.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
# JSON schemas cannot say that values differ, are in order, or that `0h0m` is nothing.
BEYOND = [
    ("secret_files", {"a": "/x", "b": "/x"}),
    ("timeout", "0h0m"),
    ("timeout", ["2h", "1h"]),
    ("memory", ["2Gi", "1Gi"]),
    ("volumes", {"/data": {"claim": "x", "sub_path": "../y"}}),
    ("pod_patch", {"x": "{{workflow.name}}"}),
]
PAGES = [REPOSITORY / "docs" / f"{name}.md" for name in ("settings", "argo", "slurm", "report")]


def is_valid(content: Any) -> bool:
    return bool(VALIDATOR.is_valid(json.loads(json.dumps(content))))


def test_it_is_a_schema_with_every_key() -> None:
    VALIDATOR.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == {*TOP.names, *(section.name for section in SECTIONS)}
    assert set(SCHEMA["properties"]["stages"]["additionalProperties"]["properties"]) == set(
        SECTIONS[0].names
    )


def test_a_file_of_an_older_version_is_valid() -> None:
    assert is_valid(yaml.safe_load((DATA / "dvc-bridge.yaml").read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_in_the_documentation_are_valid(page: Any) -> None:
    examples = [yaml.safe_load(block.text) for block in blocks(page) if block.language == "yaml"]
    settings = [e for e in examples if isinstance(e, dict) and e.keys() <= {*SCHEMA["properties"]}]
    assert settings
    for content in settings:
        parse_settings(content)
        assert is_valid(content), list(VALIDATOR.iter_errors(content))


@pytest.mark.parametrize(
    "content",
    [
        *({"stages": {"a": {key: value}}} for key, value, _ in INVALID_IN_STAGES),
        *({"argo": {key: value}} for key, value, _ in INVALID_IN_ARGO),
        *(
            {section: {"unknown": 1}}
            for section in ("argo", "processes", "slurm", "snapshot", "prices")
        ),
        *({"prices": values} for values in ({"cpu_hour": -1}, {"cpu_hour": "1"}, {"currency": 3})),
        {"stages": {"a": {"unknown": 1}}},
        {"unknown": 1},
        {"stages": ["a"]},
    ],
    ids=json.dumps,
)
def test_what_the_parser_refuses_is_not_valid(content: dict[str, Any]) -> None:
    (section,) = content.values()
    (values,) = section.values() if isinstance(section, dict) and "a" in section else (section,)
    is_beyond = isinstance(values, dict) and any(item in BEYOND for item in values.items())
    assert is_valid(content) is is_beyond
