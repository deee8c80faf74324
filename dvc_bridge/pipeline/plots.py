"""Plots of a dvc.yaml as values: which column against which, and what a template adds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

# Of DVC's own templates; all others draw lines.
_POINTS = ("scatter", "scatter_jitter")
_HOLE = "<DVC"


class PlotSpec(TypedDict):
    """One plot; plain data, so it can travel as JSON or pickle.

    `x` and `y` are columns; an empty `x` stands for the number of the row, an empty `y` for the
    last column. `lines` is the column that tells one line from another; empty: the first one with
    words. `reference` is a line that the template draws, as points; `square` says that both axes go
    from 0 to 1.
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
    whole: Sequence[Any],
    templates: Mapping[str, Any],
) -> list[PlotSpec]:
    """Return the plots of a project.

    Parameters
    ----------
    entries
        Of the stages of dvc.yaml: `wdir` and entry.
    whole
        The section `plots` of dvc.yaml itself.
    templates
        The project's own Vega-Lite templates by name.
    """
    found: list[PlotSpec] = []
    for wdir, entry in entries:
        for item in entry.get("plots") or ():
            for path, flags in item.items() if isinstance(item, dict) else [(item, {})]:
                file = posixpath.normpath(posixpath.join(wdir, path))
                found += _specs(file, flags.get("y") or "", "", flags, templates)
    of_stages = {spec["file"] for spec in found}
    for name, flags in _named(whole):
        y = flags.get("y") or ""
        if isinstance(y, dict):
            for file, columns in y.items():
                found += _specs(posixpath.normpath(file), columns, name, flags, templates)
        elif flags or name not in of_stages:
            found += _specs(posixpath.normpath(name), y, "", flags, templates)
    return found


def _named(whole: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in whole:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, dict):
            yield from ((str(name), flags or {}) for name, flags in item.items())


def _specs(
    file: str, y: Any, name: str, flags: Mapping[str, Any], templates: Mapping[str, Any]
) -> Iterator[PlotSpec]:
    x = flags.get("x") or ""
    if isinstance(x, dict):
        x = x.get(file) or next(iter(x.values()), "")
    template = str(flags.get("template") or "")
    told = _of_template(templates.get(template) or {})
    for column in y if isinstance(y, list) else [y]:
        yield PlotSpec(
            file=file,
            title=str(flags.get("title") or name or file),
            x=str(x[0] if isinstance(x, list) and x else x or ""),
            y=str(column),
            x_label=str(flags.get("x_label") or x or ""),
            y_label=str(flags.get("y_label") or column),
            points=template in _POINTS,
            lines=told["lines"],
            reference=told["reference"],
            square=told["square"],
        )


class _Told(TypedDict):
    lines: str
    reference: list[list[float]]
    square: bool


def _of_template(template: Any) -> _Told:
    """Find in a Vega-Lite template what we draw too: lines by a column, a line of its own."""
    told = _Told(lines="", reference=[], square=False)
    if not isinstance(template, dict):
        return told
    for layer in [template, *(template.get("layer") or ())]:
        encoding = layer.get("encoding") if isinstance(layer, dict) else None
        if not isinstance(encoding, dict):
            continue
        x, y, color = (encoding.get(name) or {} for name in ("x", "y", "color"))
        if not str(color.get("field", _HOLE)).startswith(_HOLE):
            told["lines"] = str(color["field"])
        domains = [(axis.get("scale") or {}).get("domain") for axis in (x, y)]
        told["square"] = told["square"] or domains == [[0, 1], [0, 1]]
        own = (layer.get("data") or {}).get("values")
        if isinstance(own, list) and layer is not template:
            told["reference"] = [
                [float(point[x["field"]]), float(point[y["field"]])]
                for point in own
                if _is_number(point, x) and _is_number(point, y)
            ]
    return told


def _is_number(point: Any, axis: Mapping[str, Any]) -> bool:
    return isinstance(point, dict) and isinstance(point.get(axis.get("field")), int | float)
