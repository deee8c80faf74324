"""KServe's Python server, protocol version 1."""

from __future__ import annotations

from typing import Any

import kserve

from benchmarks.competitors.predict import Predictor


class Flights(kserve.Model):
    """The model, as KServe expects it."""

    def __init__(self) -> None:
        super().__init__("flights")
        self.predictor = Predictor()
        self.ready = True

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        """Predict."""
        return {"predictions": self.predictor.rows(payload["instances"])}


if __name__ == "__main__":
    kserve.ModelServer(enable_grpc=False, workers=1).start([Flights()])
