"""The annotations as SARIF: valid for the schema, at the right lines, and text stays text.

sarif-2.1.0.json is the schema of OASIS, as the npm package @microsoft/jest-sarif contains it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dvc_bridge.github_action.runner import Annotation, Level, Rule
from dvc_bridge.github_action.sarif import MOST_RESULTS, sarif_text
from tests.support.hostile_texts import HOSTILE


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    text = (Path(__file__).parent / "sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(text))


def run_of(schema: jsonschema.Draft4Validator, *annotations: Annotation) -> dict[str, Any]:
    document = json.loads(sarif_text(annotations))
    schema.validate(document)
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def test_an_annotation_is_a_result_at_its_line(schema: jsonschema.Draft4Validator) -> None:
    warning = Annotation("t", "why\nfix", "a b/dvc.yaml", 3, Level.WARNING, Rule.CANNOT_RUN)
    run = run_of(schema, warning, Annotation("t", "m", "dvc.lock"))
    first, second = run["results"]
    assert (first["ruleId"], first["level"]) == ("stage-cannot-run", "warning")
    assert first["message"]["text"] == "t: why\nfix"
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (
        "a%20b/dvc.yaml",
        3,
    )
    assert "region" not in second["locations"][0]["physicalLocation"]
    assert {"stage-cannot-run", second["ruleId"]} <= {
        rule["id"] for rule in run["tool"]["driver"]["rules"]
    }


def test_what_belongs_to_no_file_is_a_notification(schema: jsonschema.Draft4Validator) -> None:
    (invocation,) = run_of(schema, Annotation("dvc-bridge", "no project"))["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "dvc-bridge: no project"


def test_a_step_without_problems_has_no_results(schema: jsonschema.Draft4Validator) -> None:
    run = run_of(schema)
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_hostile_texts_are_valid_and_make_no_links(schema: jsonschema.Draft4Validator) -> None:
    texts = [*HOSTILE, "[click](https://evil.example)"]
    run = run_of(schema, *(Annotation(text, text, f"d/{text}", 1) for text in texts))
    assert len(run["results"]) == len(texts)
    for result in run["results"]:
        text = result["message"]["text"]
        assert "](" not in text.replace("\\]", "")
        assert text.replace("\n", "").isprintable()
    assert r"\[click\](https" in run["results"][-1]["message"]["text"]


def test_results_end_at_the_limit_of_github(schema: jsonschema.Draft4Validator) -> None:
    annotations = [Annotation("t", "m", "dvc.yaml", 1)] * (MOST_RESULTS + 1)
    assert len(json.loads(sarif_text(annotations))["runs"][0]["results"]) == MOST_RESULTS
