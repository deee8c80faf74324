"""Plots of a dvc.yaml as values: the columns to draw, and what a template adds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

# DVC's own templates that draw points; all others draw lines.
_POINTS = ("scatter", "scatter_jitter")
_PLACEHOLDER = "<DVC"


class PlotSpec(TypedDict):
    """One plot; plain data, so it can be sent as JSON or pickle.

    `x` and `y` are columns; an empty `x` stands for the number of the row, an empty `y` for the
    last column. `lines` is the column whose values distinguish the lines; empty: the first column
    that has text values. `reference` is a line that the template draws, as points. `square` is
    true if both axes go from 0 to 1.
    """

    file: str  # from the project's root
    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    points: bool
    lines: str
    reference: list[list[float]]
    square: bool


def plot_specs(
    entries: Sequence[tuple[str, Mapping[str, Any]]],
    top_level: Sequence[Any],
    templates: Mapping[str, Any],
) -> list[PlotSpec]:
    """Return the plots of a project.

    Parameters
    ----------
    entries
        The `wdir` and the entry of each stage of dvc.yaml.
    top_level
        The top-level section `plots` of dvc.yaml.
    templates
        The project's own Vega-Lite templates by name.
    """
    specs: list[PlotSpec] = []
    for wdir, entry in entries:
        for item in entry.get("plots") or ():
            for path, flags in item.items() if isinstance(item, dict) else [(item, {})]:
                file = posixpath.normpath(posixpath.join(wdir, path))
                specs += _make_specs(file, flags.get("y") or "", "", flags, templates)
    stage_files = {spec["file"] for spec in specs}
    for name, flags in _read_items(top_level):
        y = flags.get("y") or ""
        if isinstance(y, dict):
            for file, columns in y.items():
                specs += _make_specs(posixpath.normpath(file), columns, name, flags, templates)
        elif flags or name not in stage_files:
            specs += _make_specs(posixpath.normpath(name), y, "", flags, templates)
    return specs


def _read_items(top_level: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in top_level:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, dict):
            yield from ((str(name), flags or {}) for name, flags in item.items())


def _make_specs(
    file: str, y: Any, name: str, flags: Mapping[str, Any], templates: Mapping[str, Any]
) -> Iterator[PlotSpec]:
    x = flags.get("x") or ""
    if isinstance(x, dict):
        x = x.get(file) or next(iter(x.values()), "")
    template = str(flags.get("template") or "")
    settings = _read_template(templates.get(template) or {})
    for column in y if isinstance(y, list) else [y]:
        yield PlotSpec(
            file=file,
            title=str(flags.get("title") or name or file),
            x=str(x[0] if isinstance(x, list) and x else x or ""),
            y=str(column),
            x_label=str(flags.get("x_label") or x or ""),
            y_label=str(flags.get("y_label") or column),
            points=template in _POINTS,
            lines=settings["lines"],
            reference=settings["reference"],
            square=settings["square"],
        )


class _TemplateSettings(TypedDict):
    lines: str
    reference: list[list[float]]
    square: bool


def _read_template(template: Any) -> _TemplateSettings:
    """Read the parts of a Vega-Lite template that charts support."""
    settings = _TemplateSettings(lines="", reference=[], square=False)
    if not isinstance(template, dict):
        return settings
    for layer in [template, *(template.get("layer") or ())]:
        encoding = layer.get("encoding") if isinstance(layer, dict) else None
        if not isinstance(encoding, dict):
            continue
        x, y, color = (encoding.get(name) or {} for name in ("x", "y", "color"))
        if not str(color.get("field", _PLACEHOLDER)).startswith(_PLACEHOLDER):
            settings["lines"] = str(color["field"])
        domains = [(axis.get("scale") or {}).get("domain") for axis in (x, y)]
        settings["square"] = settings["square"] or domains == [[0, 1], [0, 1]]
        values = (layer.get("data") or {}).get("values")
        if isinstance(values, list) and layer is not template:
            settings["reference"] = [
                [float(point[x["field"]]), float(point[y["field"]])]
                for point in values
                if _is_number(point, x) and _is_number(point, y)
            ]
    return settings


def _is_number(point: Any, axis: Mapping[str, Any]) -> bool:
    return isinstance(point, dict) and isinstance(point.get(axis.get("field")), int | float)
