"""The annotations of a step as SARIF 2.1.0, which GitHub's code scanning reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from dvc_bridge.github_action.runner import MESSAGE_LIMIT, Annotation, Rule
from dvc_bridge.ui.visible_text import visible_lines

# GitHub shows the first 5,000 results of a file.
MOST_RESULTS = 5_000
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Text of a message that SARIF takes as a link.
_LINK_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\[]"})


def sarif_text(annotations: Sequence[Annotation]) -> str:
    """Return a SARIF document; an annotation without a file is a notification of the run."""
    located = [a for a in annotations if a.file][:MOST_RESULTS]
    others = [{"level": a.level.value, **_message(a)} for a in annotations if not a.file]
    invocation = {"executionSuccessful": not others, "toolExecutionNotifications": others}
    rules = [{"id": rule.value, "shortDescription": {"text": rule.description}} for rule in Rule]
    driver = {"name": "dvc-bridge", "version": version("dvc-bridge"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": [_result(annotation) for annotation in located],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(annotation: Annotation) -> dict[str, Any]:
    uri = quote(annotation.file, errors="replace")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if annotation.line:
        location["region"] = {"startLine": annotation.line}
    return {
        "ruleId": annotation.rule.value,
        "level": annotation.level.value,
        **_message(annotation),
        "locations": [{"physicalLocation": location}],
    }


def _message(annotation: Annotation) -> dict[str, Any]:
    text = visible_lines(f"{annotation.title}: {annotation.message}", MESSAGE_LIMIT)
    return {"message": {"text": text.translate(_LINK_SIGNS)}}
