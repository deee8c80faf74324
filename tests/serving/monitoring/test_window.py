"""The window of the most recent rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.features.columns import NUMBERS
from serving.model.bundle_reader import read_bundle
from serving.monitoring.window import Window


def test_the_window_drops_the_oldest_rows(bundle: Path) -> None:
    metadata = read_bundle(bundle).metadata
    window = Window(metadata, 1000)
    codes = np.full((250, 3), "ZZ", object)
    numbers = np.zeros((250, len(NUMBERS)), np.float32)
    window.add(codes, numbers, np.full(250, 0.5))
    window.count_pending()
    assert window.drift()["carrier"].unseen == 1
    for _ in range(20):
        window.add(np.full((250, 3), "UA", object), numbers, np.full(250, 0.5))
        window.count_pending()
    assert window.rows == 1000
    assert window.drift()["carrier"].unseen == 0
    assert window.drift()["dest"].unseen == 1
