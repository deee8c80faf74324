"""The API documentation at /docs: Swagger UI, with all its files from this server.

It works without a network: scripts, style and icon come from the package swagger_ui_bundle, and
`validatorUrl: null` in docs.html stops Swagger UI from sending the description to its validator.
"""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from serving.http.response import Response, html_response

_PAGE = Path(__file__).with_name("docs.html").read_bytes()


def page() -> Response:
    """Return the page; it loads openapi.json and the assets."""
    return html_response(_PAGE)


def assets() -> Mount:
    """Return the route of Swagger UI's scripts, style and icon."""
    return Mount("/docs/assets", StaticFiles(directory=str(swagger_ui_path)))
