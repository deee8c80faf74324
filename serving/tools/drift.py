"""`python -m serving.tools.drift REF CUR`: how far a table of features has moved from a reference.

REF is a bundle, or a table as CUR is: a .parquet or .csv file with the columns of data/features, a
request log in .jsonl, or a folder of such files. Ends with 1 if a column's index is above the
threshold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from flows.stages.files import write_bytes
from serving.errors import ServingError
from serving.monitoring.psi import COLUMNS, PROBABILITY, Counts, Grid, missing, unseen
from serving.tools.drift_report import html
from serving.tools.tables import Rows, read_reference, read_rows


class Moved(NamedTuple):
    """A column: its index, the shares of rows missing before and now, and the share never seen."""

    column: str
    psi: float
    missing_before: float
    missing_now: float
    unseen: float


def compare(grid: Grid, rows: Rows) -> tuple[list[Moved], Counts]:
    """Compare `rows` with the grid's reference; the column that moved most comes first."""
    counts = grid.count(*rows)
    n = len(rows.codes)
    before = missing(grid.reference) / grid.reference[:, :11].sum(axis=1).clip(min=1)
    values = zip(
        COLUMNS,
        grid.psi(counts).tolist(),
        before.tolist(),
        (missing(counts) / n).tolist(),
        (unseen(counts) / n).tolist(),
        strict=True,
    )
    has_probability = missing(counts)[COLUMNS.index(PROBABILITY)] < n
    moved = [Moved(*v) for v in values if v[0] != PROBABILITY or has_probability]
    return sorted(moved, key=lambda m: -m.psi), counts


def table(moved: Sequence[Moved], threshold: float) -> str:
    """Give the table that the terminal shows."""
    lines = [f"{'column':32}{'PSI':>8}{'missing before':>16}{'now':>8}{'unseen':>9}"]
    for m in moved:
        mark = "  above" if m.psi > threshold else ""
        shares = f"{m.missing_before:>16.2%}{m.missing_now:>8.2%}{m.unseen:>9.2%}"
        lines.append(f"{m.column:32}{m.psi:>8.4f}{shares}{mark}")
    return "\n".join(lines)


def threshold(text: str) -> float:
    """Read an index: NaN would find nothing above it."""
    if not (value := float(text)) >= 0:
        raise ValueError(text)
    return value


def main(argv: list[str]) -> int:
    """Compare; 0 if nothing is above the threshold, 1 if something is, 2 if a file is refused."""
    parser = argparse.ArgumentParser(prog="python -m serving.tools.drift", description=__doc__)
    parser.add_argument("reference", type=Path, metavar="REF")
    parser.add_argument("current", type=Path, metavar="CUR")
    parser.add_argument(
        "--threshold", type=threshold, default=0.25, help="of the index (default 0.25)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a report")
    arguments = parser.parse_args(argv)
    try:
        grid, rows = Grid(read_reference(arguments.reference)), read_rows(arguments.current)
    except ServingError as error:
        print(error, file=sys.stderr)
        return 2
    moved, counts = compare(grid, rows)
    above = [m.column for m in moved if m.psi > arguments.threshold]
    print(table(moved, arguments.threshold))
    print(f"{len(rows.codes)} rows; {len(above)} columns above {arguments.threshold:g}")
    if arguments.json:
        content = {
            "rows": len(rows.codes),
            "threshold": arguments.threshold,
            "above": above,
            "columns": [m._asdict() for m in moved],
        }
        write_bytes(arguments.json, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    if arguments.html:
        shown = [(m.column, m.psi, m.missing_now, m.unseen) for m in moved]
        title = f"{arguments.current}: {len(rows.codes)} rows beside {arguments.reference}"
        report = html(title, grid, counts, shown, arguments.threshold)
        write_bytes(arguments.html, report.encode())
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
