"""The model card at /model: what serves, where it comes from, how good it is, what it takes."""

from __future__ import annotations

from typing import Any

from serving.model.bundle_reader import Bundle


def card(bundle: Bundle) -> dict[str, Any]:
    """Give the card as plain values."""
    d = bundle.description
    return {
        "name": d.name,
        "version": bundle.version,
        "selected": d.selected,
        "origin": bundle.origin,
        "md5": d.md5,
        "sha256": d.sha256,
        "bundle_sha256": bundle.sha256,
        "size_bytes": d.size_bytes,
        "labels": d.labels,
        "threshold": d.threshold,
        "metrics": d.metrics,
        "parity": d.parity,
        "libraries": d.libraries,
        "inputs": d.inputs,
        "features": d.features,
    }
