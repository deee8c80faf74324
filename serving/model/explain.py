"""What drives one prediction: the change when a group of inputs is put to what is usual.

An occlusion: each group of features takes its median over the training months, the others stay.
The changes of the groups need not add up to the whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flows.stages.columns import NUMBERS
from serving.model.metadata import Reference
from serving.model.model import Model
from serving.model.request import Batch

GROUPS = {
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


def quantile(reference: Reference, share: float) -> float:
    """Give the value that `share` of the reference's rows do not exceed, to the nearest edge."""
    edges, counts = reference.edges or [0.0], reference.counts
    assert isinstance(counts, list)  # noqa: S101 - numbers have edges, and a list of counts
    up_to = np.cumsum(counts[:-1]) / max(sum(counts), 1)
    return edges[min(int(np.searchsorted(up_to, share - 1e-3)), len(edges) - 1)]


def explain(model: Model, batch: Batch) -> dict[str, Any]:
    """Explain the first row of `batch`.

    Returns
    -------
    dict
        `probability`, and `drivers`: each group with the change of the probability that it makes.
    """
    names, reference = list(NUMBERS), model.description.reference
    n = len(GROUPS) + 1
    numbers = np.repeat(batch.numbers[:1], n, axis=0)
    for row, features in enumerate(GROUPS.values(), start=1):
        for feature in features:
            numbers[row, names.index(feature)] = quantile(reference[feature], 0.5)
    codes = np.repeat(batch.codes[:1], n, axis=0)
    probability, *without = model.predict(codes, numbers).tolist()
    drivers = [
        {"group": group, "change": round(probability - p, 7)}
        for group, p in zip(GROUPS, without, strict=True)
    ]
    drivers.sort(key=lambda driver: -abs(driver["change"]))
    return {"probability": probability, "drivers": drivers}
