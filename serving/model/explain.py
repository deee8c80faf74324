"""What drives one prediction: how the probability changes when a group of features is usual.

This is an occlusion: the features of one group take their medians over the training months, the
others stay. The changes of the groups need not add up to the total.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flows.features.columns import NUMBERS
from serving.model.metadata import ReferenceHistogram
from serving.model.model import Model
from serving.model.request import Batch

FEATURE_GROUPS = {
    "time of day and week": ("departure_min", "weekday", "traffic_week_ago"),
    "route": ("block_min", "distance_mi", "dest_waiting_6h", "dest_rate", "dest_rate_14d"),
    "weather": (
        *("precip", "precip_3h", "wind_dir", "wind_speed", "visib", "pressure", "dewp"),
        "pressure_change_3h",
    ),
    "the airports now": tuple(
        n for n in NUMBERS if n.startswith(("origin_late", "origin_wait", "all_"))
    ),
    "the airline now": tuple(n for n in NUMBERS if n.startswith("carrier_") and n[-1] == "h"),
    "the last weeks": ("carrier_rate_14d", "origin_hour_rate", "flight_rate"),
}


def quantile(reference: ReferenceHistogram, share: float) -> float:
    """Return the quantile `share` of the reference, to the nearest edge."""
    edges, counts = reference.edges or [0.0], reference.counts
    assert isinstance(counts, list)  # noqa: S101 - numbers have edges, and a list of counts
    cumulative = np.cumsum(counts[:-1]) / max(sum(counts), 1)
    return edges[min(int(np.searchsorted(cumulative, share - 1e-3)), len(edges) - 1)]


def explain(model: Model, batch: Batch) -> dict[str, Any]:
    """Explain the first row of `batch`.

    Returns
    -------
    dict
        `probability`, and `drivers`: each group with the change that it makes to the probability.
    """
    names, reference = list(NUMBERS), model.metadata.reference
    n = len(FEATURE_GROUPS) + 1
    numbers = np.repeat(batch.numbers[:1], n, axis=0)
    for row, features in enumerate(FEATURE_GROUPS.values(), start=1):
        for feature in features:
            numbers[row, names.index(feature)] = quantile(reference[feature], 0.5)
    codes = np.repeat(batch.codes[:1], n, axis=0)
    probability, *without = model.predict(codes, numbers).tolist()
    drivers = [
        {"group": group, "change": round(probability - p, 7)}
        for group, p in zip(FEATURE_GROUPS, without, strict=True)
    ]
    drivers.sort(key=lambda driver: -abs(driver["change"]))
    return {"probability": probability, "drivers": drivers}
