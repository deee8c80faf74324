"""model.json and origin.json as typed values."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a request."""

    name: str
    kind: Literal["code", "departure", "arrival", "number"]
    unit: str
    meaning: str
    required: bool
    low: float = 0
    high: float = 0


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A histogram over the training months, as flows.stages.histograms cuts it.

    Of numbers: `edges`, and counts by bin. Of codes: counts by code, and no edges.
    """

    counts: list[int] | dict[str, int]
    empty: int
    edges: list[float] | None = None


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An origin and destination that were flown."""

    origin: str
    dest: str
    carriers: list[str]
    distance_mi: int
    block_min: int


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of features, by column, and what the model gives for them."""

    features: dict[str, list[str | float | None]]
    probabilities: list[float]


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """model.json, as flows.stages.bundle writes it."""

    format: Literal[1]
    name: str
    selected: str
    md5: str
    sha256: str
    size_bytes: int
    labels: list[str]
    threshold: float
    inputs: list[Input]
    features: list[str]
    metrics: dict[str, Any]
    libraries: dict[str, str]
    reference: dict[str, Reference]
    routes: list[Route]
    golden: Golden
    parity: dict[str, float]


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """origin.json: where `python -m serving.tools.fetch_bundle` got the bundle."""

    ref: str
    revision: str
    md5: str
    version: str | None = None
    stage: str | None = None
