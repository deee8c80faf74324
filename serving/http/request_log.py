"""The request log: a JSON line for each prediction, if SERVING_REQUEST_LOG is set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from flows.features.columns import CATEGORIES
from flows.features.known_inputs import KNOWN
from serving.errors import SettingsError
from serving.model.model import Floats, Model
from serving.model.request import Batch
from serving.model.schema import COLUMN_TYPES
from serving.monitoring.metrics import Metrics
from serving.settings import Settings

_REDACTED = "redacted"


class RequestLog:
    """Writes the values and probabilities of each request, without the redacted columns.

    If a line cannot be written (a full disk), a metric counts it and the request succeeds.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        if unknown := settings.redact - COLUMN_TYPES.keys():
            raise SettingsError(
                [f"SERVING_REDACT has unknown columns: {', '.join(sorted(unknown))}"]
            )
        self.redact, self.metrics = settings.redact, metrics
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._file = (
                sys.stdout.fileno()
                if settings.request_log == "-"
                else os.open(settings.request_log, flags, 0o600)
            )
        except OSError as error:
            problem = f"SERVING_REQUEST_LOG={settings.request_log}: {error.strerror}"
            raise SettingsError([problem]) from None

    def write(self, request_id: str, model: Model, batch: Batch, probabilities: Floats) -> None:
        """Append one line, by a single write to a file in append mode."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": request_id,
            "model": model.name,
            "version": model.version,
            "columns": dict(self._columns(batch)),
            "probabilities": probabilities.tolist(),
        }
        try:
            os.write(self._file, msgspec.json.encode(line) + b"\n")
        except OSError:
            self.metrics.lost_lines.inc()

    def _columns(self, batch: Batch) -> Iterator[tuple[str, Any]]:
        columns: dict[str, Any] = dict(zip(CATEGORIES, batch.codes.T.tolist(), strict=True))
        columns["departure"] = [str(t) for t in batch.departure.astype("datetime64[m]")]
        columns["arrival"] = [f"{m // 60:02}:{m % 60:02}" for m in batch.arrival.tolist()]
        for name, values in zip(KNOWN, batch.known.T, strict=True):
            columns[name] = [None if np.isnan(v) else v for v in values.tolist()]
        for name, values in columns.items():
            yield name, _REDACTED if name in self.redact else values
