"""Positions of stages as a short word, and a pipeline's shape as a hash: what a manifest holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import Pipeline


def ranges(positions: Iterable[int]) -> str:
    """Return positions as a word: 0, 1, 2, 7 -> `0-2,7`."""
    parts: list[list[int]] = []
    for position in sorted(positions):
        if parts and parts[-1][1] == position - 1:
            parts[-1][1] = position
        else:
            parts.append([position, position])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in parts)


def positions_in(word: str) -> list[int]:
    """Read what `ranges` has written.

    Raises
    ------
    UsageError
        It is no such word.
    """
    found: list[int] = []
    try:
        for part in word.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError as exc:
        raise UsageError(f"{word!r} names no stages", "dvc-bridge convert makes it anew") from exc
    return found


def shape(pipeline: Pipeline) -> str:
    """Hash what positions rest on: the stages by address, in order, and who feeds whom."""
    stages = [
        (stage.address, upstream)
        for stage, upstream in zip(pipeline.stages, pipeline.upstream, strict=True)
    ]
    return hashlib.sha256(json.dumps(stages).encode()).hexdigest()
