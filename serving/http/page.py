"""The page at / and the documentation at /docs, both without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from flows.stages.columns import NUMBERS
from flows.stages.known import KNOWN, known_from_features
from serving.model.explain import GROUPS, quantile
from serving.model.metadata import Description
from serving.state import Live

_PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "cache-control": "no-cache",
}
# Quantiles of the training months that stand for a state of the airports.
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


def add_pages(app: FastAPI, live: Live) -> None:
    """Add / and /docs."""

    async def page(_: Request) -> Response:
        model = live.serving().model
        data = page_data(model.description, model.version)
        # "</script>" inside the data would end it.
        text = msgspec.json.encode(data).decode().replace("<", "\\u003c")
        return HTMLResponse(_PAGE.replace("@data@", text), headers=_HEADERS)

    async def docs(_: Request) -> Response:
        html = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/assets/swagger-ui-bundle.js",
            swagger_css_url="docs/assets/swagger-ui.css",
            swagger_favicon_url="docs/assets/favicon-32x32.png",
            swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": 0},
        )
        html.headers.update(_HEADERS)
        return html

    app.router.add_route("/", page, methods=["GET"])
    app.router.add_route("/docs", docs, methods=["GET"])
    app.mount("/docs/assets", StaticFiles(directory=str(swagger_ui_path)))


def page_data(description: Description, version: str) -> dict[str, Any]:
    """Give what the page chooses from: routes, weathers, and states of airports and airline."""
    states = {state: _known_at(description, share) for state, share in _STATES.items()}

    def of(*groups: str) -> dict[str, dict[str, float]]:
        names = [n for group in groups for n in GROUPS[group] if n in KNOWN]
        return {state: {n: values[n] for n in names} for state, values in states.items()}

    other = ("dest_waiting_6h", "dest_rate", "dest_rate_14d", "traffic_week_ago")
    usual = {n: states["usual"][n] for n in (*other, *GROUPS["the last weeks"])}
    return {
        "version": f"{description.name} {version}",
        "base_rate": description.metrics["backtest"]["base_rate"],
        "routes": description.routes,
        "weather": _WEATHER,
        "airports": of("the airports now"),
        "airline": of("the airline now"),
        "usual": usual,
    }


def _known_at(description: Description, share: float) -> dict[str, float]:
    features = [quantile(description.reference[name], share) for name in NUMBERS]
    (known,) = known_from_features(np.array([features], np.float64)).tolist()
    return {n: round(v, 4) for n, v in zip(KNOWN, known, strict=True)}
