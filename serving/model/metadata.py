"""model.json and origin.json as typed values."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class InputColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a request."""

    name: str
    kind: Literal["code", "departure", "arrival", "number"]
    unit: str
    meaning: str
    required: bool
    low: float = 0
    high: float = 0


class ReferenceHistogram(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A histogram over the training months, as flows.models.histograms computes it.

    For numbers: `edges`, and the rows in each bin. For codes: the rows with each code, no edges.
    """

    counts: list[int] | dict[str, int]
    empty: int
    edges: list[float] | None = None


class FlightRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An origin and destination that have flights in the training months."""

    origin: str
    dest: str
    carriers: list[str]
    distance_mi: int
    block_min: int


class GoldenRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of features, by column, and the probabilities that the model must return for them."""

    features: dict[str, list[str | float | None]]
    probabilities: list[float]


class ModelMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """model.json, as flows.models.bundle writes it."""

    format: Literal[1]
    name: str
    selected: str
    md5: str
    sha256: str
    size_bytes: int
    labels: list[str]
    threshold: float
    inputs: list[InputColumn]
    features: list[str]
    metrics: dict[str, Any]
    libraries: dict[str, str]
    reference: dict[str, ReferenceHistogram]
    routes: list[FlightRoute]
    golden: GoldenRows
    parity: dict[str, float]


class BundleOrigin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """origin.json: where `python -m serving.tools.fetch_bundle` read the bundle."""

    ref: str
    revision: str
    md5: str
    version: str | None = None
    stage: str | None = None
