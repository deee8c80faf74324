"""The one place that says which model serves, and whether the server is ready."""

from __future__ import annotations

from typing import NamedTuple

from serving.errors import RequestError
from serving.model.model import Model
from serving.monitoring.window import Window


class Serving(NamedTuple):
    """A model with the window of what it served; replaced together."""

    model: Model
    window: Window


class Live:
    """What changes while the server runs. Requests read `now` once and keep what they got."""

    def __init__(self) -> None:
        self.now: Serving | None = None
        self.draining = False
        self.in_progress = 0
        self.held_bytes = 0

    @property
    def ready(self) -> bool:
        """Whether a warm model is there and the server is not on its way out."""
        return self.now is not None and not self.draining

    def serving(self) -> Serving:
        """Give what serves now.

        Raises
        ------
        RequestError
            503 before the first model is loaded.
        """
        if self.now is None:
            raise RequestError(503, "the model is not loaded yet", retry_after_s=1)
        return self.now
