"""The rows of plots: of each file of a folder, and with a column of another file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.stage import is_inside
from dvc_bridge.report.metric_files import Rows, table
from dvc_bridge.report.values import Table

# Returns the content of a file by its path from the project's root; None if it is not here.
Read = Callable[[str], bytes | None]
# Returns the files that a path stands for.
Files = Callable[[str], Sequence[str]]


def plot_tables(
    specs: Sequence[PlotSpec], read: Read, files: Files = lambda path: [path]
) -> list[Table]:
    """Return the rows of plots; each file of a folder is a plot."""
    paths = {spec["file"] for spec in specs}
    return [
        Table(of_file, _rows(of_file, read))
        for spec in specs
        for of_file in _specs_of_files(spec, paths, files(spec["file"]))
    ]


def _specs_of_files(
    spec: PlotSpec, paths: Collection[str], files: Sequence[str]
) -> Iterator[PlotSpec]:
    """Yield the plots of a path, except for files in it that have a closer definition."""
    folder = spec["file"]
    prefix = "" if spec["title"] == folder else f"{spec['title']}: "
    for file in files:
        closer = (path for path in paths if len(path) > len(folder))
        if file == folder:
            yield spec
        elif not any(is_inside(file, path) for path in closer):
            yield {**spec, "file": file, "title": f"{prefix}{file}"}


def _rows(spec: PlotSpec, read: Read) -> Rows | None:
    rows = table(spec["file"], read(spec["file"]), header=spec.get("header", True))
    x_file, x = spec.get("x_file", spec["file"]), spec["x"]
    if rows is None or x_file == spec["file"]:
        return rows
    x_rows = table(x_file, read(x_file))
    if x_rows is None or len(x_rows) != len(rows):
        return None
    return [{**row, x: x_row.get(x)} for row, x_row in zip(rows, x_rows, strict=True)]
