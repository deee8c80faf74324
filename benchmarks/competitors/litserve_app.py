"""LitServe: one worker, no batching."""

from __future__ import annotations

import sys
from typing import Any

import litserve

from benchmarks.competitors.predict import Predictor


class Api(litserve.LitAPI):
    """Decode, predict, encode, as in its documentation."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the base class's
        """Load the model."""
        self.predictor = Predictor()

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # see below
        """Return the rows. LitServe would use an annotation as the type of the body."""
        return request["rows"]

    def predict(self, x: Any) -> Any:
        """Predict."""
        return self.predictor.rows(x)

    def encode_response(self, output: Any) -> Any:
        """Return the body of the response."""
        return {"probabilities": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", track_requests=False)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
