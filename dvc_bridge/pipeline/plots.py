"""Plots of a dvc.yaml as values: the columns to draw, and what a template adds."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

# DVC's own templates that draw points; all others draw lines.
_POINTS = ("scatter", "scatter_jitter")
_PLACEHOLDER = "<DVC"
# Reference lines in charts are below; NaN is not.
_MOST = 1e300


class PlotSpec(TypedDict):
    """One plot; plain data, so it can be sent as JSON or pickle.

    `x` and `y` are columns; an empty `x` stands for the number of the row, an empty `y` for the
    last column. `lines` is the column whose values distinguish the lines; empty: the first column
    that has text values. `reference` is a line that the template draws, as points. `square` is
    true if both axes go from 0 to 1. Specs of older versions lack what is not required.
    """

    file: str  # from the project's root; it can be a folder of files that have one plot each
    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    points: bool
    lines: str
    reference: list[list[float]]
    square: bool
    x_file: NotRequired[str]  # the file with the column `x`; missing: `file`
    header: NotRequired[bool]  # whether the first line of CSV names the columns; missing: it does


def plot_specs(
    entries: Sequence[tuple[str, Mapping[str, Any]]],
    top_level: Sequence[tuple[str, Sequence[Any]]],
    templates: Mapping[str, Any],
) -> list[PlotSpec]:
    """Return the plots of a project.

    Parameters
    ----------
    entries
        The `wdir` and the entry of each stage of dvc.yaml.
    top_level
        The folder and the top-level section `plots` of each dvc.yaml.
    templates
        The project's own Vega-Lite templates by name.
    """
    specs: list[PlotSpec] = []
    for wdir, entry in entries:
        for item in entry.get("plots") or ():
            for path, given in item.items() if isinstance(item, dict) else [(item, {})]:
                file = _join(wdir, path)
                for flags in given if isinstance(given, list) else [given]:
                    columns = _pairs(file, flags.get("y")) or [(file, "")]
                    x = _x_of(wdir, flags, columns)
                    specs += _make_specs(file, x, columns, flags, templates)
    stage_files = {spec["file"] for spec in specs}
    for folder, section in top_level:
        for name, flags in _read_items(section):
            file, y = _join(folder, name), flags.get("y") or ""
            if isinstance(y, dict):
                columns = _pairs_of_files(folder, y)
                x = _x_of(folder, flags, columns)
                specs += _make_specs(name, x, columns, flags, templates)
            elif flags or file not in stage_files:
                columns = _pairs(file, y) or [(file, "")]
                x = _x_of(folder, flags, columns)
                specs += _make_specs(file, x, columns, flags, templates)
    return specs


def _read_items(section: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in section:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, dict):
            yield from ((str(name), flags or {}) for name, flags in item.items())


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


# A file and one of its columns.
_Column = tuple[str, str]


def _pairs(file: str, columns: Any) -> list[_Column]:
    """Return columns of one file; `columns` is a name, a list of names, or nothing."""
    names = columns if isinstance(columns, list) else [columns] if columns else []
    return [(file, str(name)) for name in names]


def _pairs_of_files(folder: str, columns: Mapping[str, Any]) -> list[_Column]:
    """Return columns of files whose paths start at the folder of dvc.yaml."""
    return [pair for path, names in columns.items() for pair in _pairs(_join(folder, path), names)]


def _x_of(folder: str, flags: Mapping[str, Any], y: Sequence[_Column]) -> list[_Column]:
    """Return the column of `x` for each one of `y`, as DVC pairs them; empty: row numbers."""
    x = flags.get("x")
    if not isinstance(x, dict):
        return [(file, str(x)) for file, _ in y] if x else []
    pairs = _pairs_of_files(folder, x)
    return pairs if len(pairs) == len(y) else pairs[:1] * len(y)


def _make_specs(
    name: str,
    x: Sequence[_Column],
    y: Sequence[_Column],
    flags: Mapping[str, Any],
    templates: Mapping[str, Any],
) -> Iterator[PlotSpec]:
    template = str(flags.get("template") or "")
    settings = _read_template(templates.get(template))
    for place, (file, column) in enumerate(y):
        x_file, x_column = x[place] if x else (file, "")
        spec = PlotSpec(
            file=file,
            title=str(flags.get("title") or name),
            x=x_column,
            y=column,
            x_label=str(flags.get("x_label") or x_column),
            y_label=str(flags.get("y_label") or column),
            points=template in _POINTS,
            lines=settings["lines"],
            reference=settings["reference"],
            square=settings["square"],
        )
        if x_file != file:
            spec["x_file"] = x_file
        if flags.get("header") is False:
            spec["header"] = False
        yield spec


class _TemplateSettings(TypedDict):
    lines: str
    reference: list[list[float]]
    square: bool


def _read_template(template: Any) -> _TemplateSettings:
    """Read the parts of a Vega-Lite template that charts support; everything else is ignored."""
    settings = _TemplateSettings(lines="", reference=[], square=False)
    layers = _mapping(template).get("layer")
    for layer in [template, *(layers if isinstance(layers, list) else ())]:
        encoding = _mapping(_mapping(layer).get("encoding"))
        x, y, color = (_mapping(encoding.get(name)) for name in ("x", "y", "color"))
        if not str(color.get("field", _PLACEHOLDER)).startswith(_PLACEHOLDER):
            settings["lines"] = str(color["field"])
        domains = [_mapping(axis.get("scale")).get("domain") for axis in (x, y)]
        settings["square"] = settings["square"] or domains == [[0, 1], [0, 1]]
        values = _mapping(_mapping(layer).get("data")).get("values")
        if encoding and isinstance(values, list) and layer is not template:
            settings["reference"] = [
                [float(point[x["field"]]), float(point[y["field"]])]
                for point in values
                if _is_number(point, x) and _is_number(point, y)
            ]
    return settings


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(point: Any, axis: Mapping[str, Any]) -> bool:
    field = axis.get("field")
    value = point.get(field) if isinstance(point, dict) and isinstance(field, str) else None
    return isinstance(value, int | float) and abs(value) < _MOST
