"""The model card at /model: what the model is, its origin, its quality, and its inputs."""

from __future__ import annotations

from typing import Any

from serving.model.bundle_reader import Bundle


def model_card(bundle: Bundle) -> dict[str, Any]:
    """Return the card as plain values."""
    metadata = bundle.metadata
    return {
        "name": metadata.name,
        "version": bundle.version,
        "selected": metadata.selected,
        "origin": bundle.origin,
        "md5": metadata.md5,
        "sha256": metadata.sha256,
        "bundle_sha256": bundle.sha256,
        "size_bytes": metadata.size_bytes,
        "labels": metadata.labels,
        "threshold": metadata.threshold,
        "metrics": metadata.metrics,
        "parity": metadata.parity,
        "libraries": metadata.libraries,
        "inputs": metadata.inputs,
        "features": metadata.features,
    }
