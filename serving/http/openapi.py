"""The OpenAPI document, built from the types and ranges that the server checks requests with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flows.features.columns import CATEGORIES
from flows.features.known_inputs import KNOWN
from serving.http.open_inference import OUTPUTS, Infer
from serving.model.model import Model
from serving.model.schema import COLUMN_TYPES, MAX_ID, REQUIRED
from serving.settings import Settings

Schema = dict[str, Any]

# JetBlue 918 to Boston on 23 December 2013, which arrived 204 minutes late.
EXAMPLE: dict[str, Any] = msgspec.json.decode(
    Path(__file__).parents[1].joinpath("example.json").read_bytes()
)["rows"][0]


def openapi(settings: Settings, active: Model | None) -> Schema:
    """Return the document of all paths, with the name and version of the active model."""
    model = "/v2/models/{model}"
    version = model + "/versions/{version}"
    named = [_in_path("model", active.name if active else None)]
    versioned = [*named, _in_path("version", active.version if active else None)]
    paths: Schema = {
        "/predict": _post(
            "Probabilities of rows or columns", _predict_body(settings), _prediction(), []
        ),
        "/explain": _post(
            "What drives the prediction of one row", _predict_body(settings), _explanation(), []
        ),
        "/livez": _get("The process responds", _flag("live")),
        "/readyz": _get("The server is ready to predict", _flag("ready"), 503),
        "/metrics": _get("Prometheus metrics", None),
        "/model": _get("The model card", {"type": "object"}, 503),
        "/v2": _get("Server metadata, Open Inference Protocol", {"type": "object"}),
        "/v2/health/live": _get("The process responds", _flag("live")),
        "/v2/health/ready": _get("The server is ready to predict", _flag("ready"), 503),
    }
    for path, parameters in ((model, named), (version, versioned)):
        paths[path] = _get("Tensors of the model", {"type": "object"}, 404, 503) | {
            "parameters": parameters
        }
        paths[path + "/ready"] = _get("The model is ready", _flag("ready"), 404, 503) | {
            "parameters": parameters
        }
        paths[path + "/infer"] = _post(
            "Predictions by the Open Inference Protocol", _infer_body(), _inference(), parameters
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Disrupted flights",
            "version": "1",
            "description": "P(a flight from New York arrives at least 15 minutes late or not at"
            " all), predicted two hours before its departure.",
        },
        "paths": paths,
        "components": {"schemas": _protocol_schemas()},
    }


def row_schema() -> Schema:
    """Return the schema of a row; a value that is left out counts as not known."""
    units = {name: f"{k.meaning} ({k.unit})" for name, k in KNOWN.items()}
    units |= {name: c.meaning for name, c in CATEGORIES.items()}
    properties = {}
    for name, kind in COLUMN_TYPES.items():
        properties[name] = msgspec.json.schema(kind)
        if name in units:
            properties[name]["description"] = units[name]
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(REQUIRED),
        "additionalProperties": False,
        "examples": [EXAMPLE],
    }


def _predict_body(settings: Settings) -> Schema:
    row = row_schema()
    columns = {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": kind, "minItems": 1, "maxItems": settings.max_rows}
            for name, kind in row["properties"].items()
        },
        "required": row["required"],
        "additionalProperties": False,
        "description": "Lists of the same length.",
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": settings.max_rows}
    client_id = {"type": "string", "maxLength": MAX_ID}

    def one_of(name: str, schema: Schema) -> Schema:
        return {
            "type": "object",
            "properties": {name: schema, "id": client_id},
            "required": [name],
            "additionalProperties": False,
        }

    return {
        "oneOf": [one_of("rows", rows), one_of("columns", columns)],
        "examples": [{"rows": [EXAMPLE]}],
    }


def _prediction() -> Schema:
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "probabilities": {"type": "array", "items": probability},
            "labels": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["model_name", "model_version", "id", "probabilities", "labels"],
    }


def _explanation() -> Schema:
    driver = {
        "type": "object",
        "properties": {"group": {"type": "string"}, "change": {"type": "number"}},
        "required": ["group", "change"],
    }
    return {
        "type": "object",
        "properties": {
            "model_version": {"type": "string"},
            "probability": {"type": "number"},
            "drivers": {"type": "array", "items": driver},
        },
        "required": ["model_version", "probability", "drivers"],
    }


def _infer_body() -> Schema:
    tensors = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES" if isinstance(v, str) else "FP64",
            "data": [v],
        }
        for name, v in EXAMPLE.items()
    ]
    return {"$ref": "#/components/schemas/Infer", "examples": [{"inputs": tensors}]}


def _inference() -> Schema:
    tensor = {
        "type": "object",
        "properties": {
            "name": {"enum": list(OUTPUTS)},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted(set(OUTPUTS.values()))},
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype", "data"],
    }
    texts = {name: {"type": "string"} for name in ("model_name", "model_version", "id")}
    return {
        "type": "object",
        "properties": {**texts, "outputs": {"type": "array", "items": tensor}},
        "required": [*texts, "outputs"],
    }


def _protocol_schemas() -> Schema:
    _, components = msgspec.json.schema_components(
        [Infer], ref_template="#/components/schemas/{name}"
    )
    return {**components, "Problem": _problem()}


def _problem() -> Schema:
    problem = {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "row": {"type": "integer", "description": "rows count from 0"},
            "column": {"type": "string"},
        },
        "required": ["message"],
    }
    return {
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "problems": {"type": "array", "items": problem},
            "request_id": {"type": "string"},
        },
    }


def _in_path(name: str, value: str | None) -> Schema:
    schema: Schema = {"type": "string", **({"enum": [value]} if value else {})}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _flag(name: str) -> Schema:
    return {"type": "object", "properties": {name: {"type": "boolean"}}, "required": [name]}


def _get(summary: str, schema: Schema | None, *refusals: int) -> Schema:
    content = {"text/plain": {}} if schema is None else {"application/json": {"schema": schema}}
    responses = {"200": {"description": summary, "content": content}}
    return {"get": {"summary": summary, "responses": {**responses, **_refusals(*refusals)}}}


def _post(summary: str, body: Schema, response: Schema, parameters: list[Schema]) -> Schema:
    not_found = [404] if parameters else []
    operation = {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": response}}},
            **_refusals(400, *not_found, 413, 415, 422, 503),
        },
    }
    return {"post": operation, **({"parameters": parameters} if parameters else {})}


_REASONS = {
    400: "not JSON",
    404: "no such model or version",
    413: "the body is too large",
    415: "not application/json, or an encoded body",
    422: "invalid values, each with its row and column",
    503: "not ready, or too busy: see Retry-After",
}


def _refusals(*statuses: int) -> Schema:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    kinds = {"application/problem+json": schema, "application/json": schema}
    return {str(s): {"description": _REASONS[s], "content": kinds} for s in statuses}
