"""The files that the server needs: the model, model.json that describes it, and their sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from flows.features.arrow_columns import float32s
from flows.features.columns import CATEGORIES, FEATURES, NUMBERS
from flows.features.known_inputs import KNOWN

from .histograms import code_histogram, number_histogram

FORMAT = 1
THRESHOLD = 0.5  # the label of a flight with at least this probability is `disrupted`
_GOLDEN_ROWS = 20


def schema() -> dict[str, Any]:
    """Describe the inputs of a request and the features that are computed from them."""
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
    """Return a histogram of every feature and of the probabilities over the training months."""
    histograms: dict[str, Any] = {c: code_histogram(train[c].to_pylist()) for c in CATEGORIES}
    histograms |= {c: number_histogram(float32s(train[c])) for c in NUMBERS}
    return histograms | {"probability": number_histogram(probabilities.astype(np.float32))}


def routes(table: pa.Table) -> list[dict[str, Any]]:
    """List the routes: origin, destination, carriers, distance and usual block time."""
    groups = table.group_by(["origin", "dest"], use_threads=False).aggregate(
        [("carrier", "distinct"), ("distance_mi", "max"), ("block_min", "approximate_median")]
    )
    rows = [
        {
            "origin": row["origin"],
            "dest": row["dest"],
            "carriers": sorted(row["carrier_distinct"]),
            "distance_mi": round(row["distance_mi_max"]),
            "block_min": round(row["block_min_approximate_median"]),
        }
        for row in groups.to_pylist()
    ]
    return sorted(rows, key=lambda route: (route["origin"], route["dest"]))


def golden(test: pa.Table, probabilities: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return rows spread over the test months with their probabilities: a server warms up on them.

    NaN becomes null.
    """
    index = np.linspace(0, test.num_rows - 1, _GOLDEN_ROWS).astype(np.int64)
    rows = test.take(pa.array(index))
    numbers = {c: [_shortest(v) for v in float32s(rows[c])] for c in NUMBERS}
    codes = {c: rows[c].to_pylist() for c in CATEGORIES}
    return {
        "features": {**codes, **numbers},
        "probabilities": [round(float(p), 7) for p in probabilities[index]],
    }


def bundle_files(onnx: bytes, metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the contents of the bundle's files by name.

    Parameters
    ----------
    onnx : bytes
        The model.
    metadata : mapping
        The part of model.json that does not follow from the model's bytes and the features.
    """
    document = {
        "format": FORMAT,
        "name": "disrupted-flights",
        "labels": ["on time", "disrupted"],
        "threshold": THRESHOLD,
        "md5": hashlib.md5(onnx, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "size_bytes": len(onnx),
        **schema(),
        **metadata,
    }
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    files = {"model.json": (text + "\n").encode(), "model.onnx": onnx}
    return {**files, "SHA256SUMS": sha256sums(files)}


def sha256sums(files: Mapping[str, bytes]) -> bytes:
    """Return the contents of SHA256SUMS, in the format of `sha256sum --check`."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return "".join(lines).encode()


def _shortest(value: np.float32) -> float | None:
    """Return the number with the fewest digits that equals `value` as float32; None for NaN."""
    return None if np.isnan(value) else float(str(value))
