"""The page at /: a form for one flight, without anything from another host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from flows.features.columns import NUMBERS
from flows.features.known_inputs import KNOWN, known_from_features
from serving.http.response import Response, html_response
from serving.model.explain import FEATURE_GROUPS, quantile
from serving.model.metadata import ModelMetadata
from serving.model.model import Model

_PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
# The quantile of the training months that represents each state of the airports.
_STATES = {"calm": 0.1, "usual": 0.5, "bad": 0.9}
_CLEAR = {
    "precip": 0,
    "precip_3h": 0,
    "wind_dir": 250,
    "wind_speed": 8,
    "visib": 10,
    "pressure": 1018,
    "pressure_3h_before": 1018,
    "dewp": 35,
}
_WEATHER = {
    "clear": _CLEAR,
    "rainy": {**_CLEAR, "precip": 0.08, "precip_3h": 0.2, "visib": 3, "pressure": 1008, "dewp": 55},
    "stormy": {
        **_CLEAR,
        "precip": 0.4,
        "precip_3h": 0.9,
        "wind_speed": 26,
        "visib": 1.5,
        "dewp": 65,
        "pressure": 998,
        "pressure_3h_before": 1003,
    },
    "foggy": {**_CLEAR, "visib": 0.25, "wind_speed": 3, "dewp": 48},
}


def page(model: Model) -> Response:
    """Return the page with the data of `model`."""
    data = page_data(model.metadata, model.version)
    # "</script>" inside the data would end the script.
    text = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    return html_response(_PAGE.replace("@data@", text).encode())


def page_data(metadata: ModelMetadata, version: str) -> dict[str, Any]:
    """Return the choices of the page: routes, weathers, and states of airports and airline."""
    states = {state: _known_at(metadata, share) for state, share in _STATES.items()}

    def values_of(*groups: str) -> dict[str, dict[str, float]]:
        names = [n for group in groups for n in FEATURE_GROUPS[group] if n in KNOWN]
        return {state: {n: values[n] for n in names} for state, values in states.items()}

    other = ("dest_waiting_6h", "dest_rate", "dest_rate_14d", "traffic_week_ago")
    usual = {n: states["usual"][n] for n in (*other, *FEATURE_GROUPS["the last weeks"])}
    return {
        "version": f"{metadata.name} {version}",
        "base_rate": metadata.metrics["backtest"]["base_rate"],
        "routes": metadata.routes,
        "weather": _WEATHER,
        "airports": values_of("the airports now"),
        "airline": values_of("the airline now"),
        "usual": usual,
    }


def _known_at(metadata: ModelMetadata, share: float) -> dict[str, float]:
    """Return the inputs whose features have the quantile `share` over the training months."""
    features = [quantile(metadata.reference[name], share) for name in NUMBERS]
    (known,) = known_from_features(np.array([features], np.float64)).tolist()
    return {n: round(v, 4) for n, v in zip(KNOWN, known, strict=True)}
