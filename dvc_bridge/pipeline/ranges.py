"""Positions of stages as a short string, and the shape of a pipeline as a hash, for manifests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import Pipeline


def ranges(positions: Iterable[int]) -> str:
    """Return numbers, such as positions, as a string: 0, 1, 2, 7 -> `0-2,7`."""
    parts: list[list[int]] = []
    for position in sorted(positions):
        if parts and parts[-1][1] == position - 1:
            parts[-1][1] = position
        else:
            parts.append([position, position])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in parts)


def positions_in(text: str) -> list[StagePosition]:
    """Return the positions in a string that `ranges` wrote.

    Raises
    ------
    UsageError
        The string is not a list of ranges.
    """
    positions: list[StagePosition] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            positions += map(StagePosition, range(int(first), int(last or first) + 1))
    except ValueError as exc:
        raise UsageError(
            f"invalid stage positions {text!r}", "generate the manifest again: dvc-bridge convert"
        ) from exc
    return positions


def shape(pipeline: Pipeline) -> str:
    """Hash what positions depend on: the addresses of the stages, in order, and their edges."""
    stages = [
        (stage.address, upstream)
        for stage, upstream in zip(pipeline.stages, pipeline.upstream, strict=True)
    ]
    return hashlib.sha256(json.dumps(stages).encode()).hexdigest()
