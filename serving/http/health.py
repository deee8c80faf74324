"""The probes: whether the process responds, and whether it is ready to predict."""

from __future__ import annotations

from serving.http.response import Response, json_response
from serving.state import ServerState


def liveness() -> Response:
    """Return that the process responds."""
    return json_response({"live": True})


def readiness(state: ServerState) -> Response:
    """Return whether the server predicts: 503 before the warm-up and while it drains."""
    return json_response({"ready": state.ready}, 200 if state.ready else 503)


def model_readiness(state: ServerState, name: str) -> Response:
    """Return whether the model `name` is ready, as the Open Inference Protocol defines it."""
    return json_response({"name": name, "ready": state.ready}, 200 if state.ready else 503)
