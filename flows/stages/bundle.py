"""What the server needs of a model, as files: the model, its description, and their sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from .columns import CATEGORIES, FEATURES, NUMBERS
from .histograms import code_histogram, number_histogram
from .known import KNOWN
from .values import float32s

FORMAT = 1
THRESHOLD = 0.5  # a flight of this probability or more is said to be disrupted
_GOLDEN_ROWS = 20


def schema() -> dict[str, Any]:
    """Describe what a request gives and which features are made of it."""
    codes = [
        {"name": name, "kind": "code", "unit": c.unit, "meaning": c.meaning, "required": True}
        for name, c in CATEGORIES.items()
    ]
    times = [
        {"name": name, "kind": name, "unit": "local time", "meaning": text, "required": True}
        for name, text in (
            ("departure", "scheduled departure, YYYY-MM-DDTHH:MM"),
            ("arrival", "scheduled arrival at the destination, HH:MM"),
        )
    ]
    numbers = [{"name": name, "kind": "number", **k._asdict()} for name, k in KNOWN.items()]
    return {"inputs": codes + times + numbers, "features": list(FEATURES)}


def reference(train: pa.Table, probabilities: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Give a histogram of every feature and of the probabilities over the training months."""
    found: dict[str, Any] = {c: code_histogram(train[c].to_pylist()) for c in CATEGORIES}
    found |= {c: number_histogram(float32s(train[c])) for c in NUMBERS}
    return found | {"probability": number_histogram(probabilities.astype(np.float32))}


def routes(table: pa.Table) -> list[dict[str, Any]]:
    """List what flew where: origin, destination, carriers, distance, usual time from block."""
    grouped = table.group_by(["origin", "dest"], use_threads=False).aggregate(
        [("carrier", "distinct"), ("distance_mi", "max"), ("block_min", "approximate_median")]
    )
    found = [
        {
            "origin": row["origin"],
            "dest": row["dest"],
            "carriers": sorted(row["carrier_distinct"]),
            "distance_mi": round(row["distance_mi_max"]),
            "block_min": round(row["block_min_approximate_median"]),
        }
        for row in grouped.to_pylist()
    ]
    return sorted(found, key=lambda route: (route["origin"], route["dest"]))


def golden(test: pa.Table, probabilities: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Take rows spread over the test months with what the model gives: a server warms up on them.

    NaN is written as null.
    """
    at = np.linspace(0, test.num_rows - 1, _GOLDEN_ROWS).astype(np.int64)
    rows = test.take(pa.array(at))
    numbers = {c: [_shortest(v) for v in float32s(rows[c])] for c in NUMBERS}
    codes = {c: rows[c].to_pylist() for c in CATEGORIES}
    return {
        "features": {**codes, **numbers},
        "probabilities": [round(float(p), 7) for p in probabilities[at]],
    }


def bundle_files(model: bytes, described: Mapping[str, Any]) -> dict[str, bytes]:
    """Give the bundle's files by name; `described` is added to what the model itself tells.

    SHA256SUMS is in the format of `sha256sum --check`.
    """
    description = {
        "format": FORMAT,
        "name": "disrupted-flights",
        "labels": ["on time", "disrupted"],
        "threshold": THRESHOLD,
        "md5": hashlib.md5(model, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(model).hexdigest(),
        "size_bytes": len(model),
        **schema(),
        **described,
    }
    text = json.dumps(description, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    files = {"model.json": (text + "\n").encode(), "model.onnx": model}
    return {**files, "SHA256SUMS": sha256sums(files)}


def sha256sums(files: Mapping[str, bytes]) -> bytes:
    """Give the file that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return "".join(lines).encode()


def _shortest(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(str(value))
