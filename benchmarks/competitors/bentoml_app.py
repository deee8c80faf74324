"""BentoML: one worker, started by `bentoml serve benchmarks.competitors.bentoml_app:Flights`."""

from __future__ import annotations

from typing import Any

import bentoml

from benchmarks.competitors.predict import Predictor


@bentoml.service(workers=1)
class Flights:
    """The model as a service."""

    def __init__(self) -> None:
        self.predictor = Predictor()

    @bentoml.api
    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Predict."""
        return {"probabilities": self.predictor.rows(rows)}
