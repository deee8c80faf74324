"""The JSON schema of dvc-bridge.yaml, by which editors complete and check the file."""

from __future__ import annotations

import re
from typing import Any

from dvc_bridge.pipeline.setting_keys import SECTIONS, TOP, Key, Section
from dvc_bridge.pipeline.settings_file import FILE


def settings_schema() -> dict[str, Any]:
    """Return the schema, in the draft that editors understand best."""
    top = _object(TOP)
    for section in SECTIONS:
        top["properties"][section.name] = _section(section)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": FILE,
        "description": "Settings of dvc-bridge, next to dvc.yaml.",
        **top,
    }


def _section(section: Section) -> dict[str, Any]:
    if not section.has_globs:
        return {"description": _plain(section.meaning), **_object(section)}
    return {
        "description": _plain(section.meaning),
        "type": "object",
        "additionalProperties": _object(section),
    }


def _object(section: Section) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _property(key) for key in section.keys},
    }


def _property(key: Key) -> dict[str, Any]:
    meaning = f"{key.meaning}; default: {key.default}" if key.default else key.meaning
    if key.is_older:
        meaning = f"an older name of {key.name} at the top of the file"
    marks = {"deprecated": True} if key.is_older else {}
    return {"description": _plain(meaning[:1].upper() + meaning[1:]), **marks, **key.value.schema}


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")
