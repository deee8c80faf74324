"""The predictor that each competitor calls: rows in, probabilities out, same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from flows.features.columns import CATEGORIES
from flows.features.known_inputs import KNOWN, feature_numbers

_BUNDLE = Path(__file__).resolve().parents[2] / "models/bundle/model.onnx"


class Predictor:
    """The model in models/bundle, without checks of the input."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            _BUNDLE.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[float]:
        """Predict rows."""
        return self.columns({name: [row[name] for row in rows] for name in rows[0]})

    def columns(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        """Predict columns."""
        codes = np.array([columns[c] for c in CATEGORIES], object).T
        departure = np.array(columns["departure"], "datetime64[m]").astype(np.int64)
        arrival = np.array([int(t[:2]) * 60 + int(t[3:]) for t in columns["arrival"]])
        known = np.array([columns[name] for name in KNOWN], np.float64).T
        feed = {"codes": codes, "numbers": feature_numbers(departure, arrival, known)}
        output = self.session.run(["probabilities"], feed)[0]
        probabilities: list[float] = output[:, 1].tolist()
        return probabilities
