"""The mutable state of the server: the active model, readiness, and the load at this moment."""

from __future__ import annotations

from typing import NamedTuple

from serving.errors import RequestError
from serving.model.model import Model
from serving.monitoring.window import Window


class ActiveModel(NamedTuple):
    """A model with the window of the rows that it predicted; a reload replaces both."""

    model: Model
    window: Window


class ServerState:
    """What changes while the server runs. A request reads `active` once and keeps that value."""

    def __init__(self) -> None:
        self.active: ActiveModel | None = None
        self.draining = False
        self.in_progress = 0
        self.held_bytes = 0

    @property
    def ready(self) -> bool:
        """Whether a model is loaded and warm, and the server is not shutting down."""
        return self.active is not None and not self.draining

    def require_active(self) -> ActiveModel:
        """Return the active model.

        Raises
        ------
        RequestError
            503 before the first model is loaded.
        """
        if self.active is None:
            raise RequestError(503, "the model is not loaded yet", retry_after_s=1)
        return self.active
