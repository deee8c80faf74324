"""`python -m serving.tools.drift REF CUR`: the drift of a table of features from a reference.

CUR is a .parquet or .csv file with the columns of data/features, a request log in .jsonl, or a
folder of such files. REF is a bundle or such a table. The exit code is 1 if an index is above the
threshold.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from flows.tables.files import write_bytes
from serving.errors import ServingError
from serving.monitoring.psi import COLUMNS, PROBABILITY, Bins, Counts, missing_rows, unseen_rows
from serving.tools.drift_report import render_html
from serving.tools.tables import FeatureRows, read_reference, read_rows


class ColumnDrift(NamedTuple):
    """A column: its index, the shares missing before and now, and the share of unseen codes."""

    column: str
    psi: float
    missing_before: float
    missing_now: float
    unseen: float


def compare(bins: Bins, rows: FeatureRows) -> tuple[list[ColumnDrift], Counts]:
    """Compare `rows` with the reference of `bins`; the highest index comes first."""
    counts = bins.count(*rows)
    n = len(rows.codes)
    before = missing_rows(bins.reference) / bins.reference[:, :11].sum(axis=1).clip(min=1)
    values = zip(
        COLUMNS,
        bins.psi(counts).tolist(),
        before.tolist(),
        (missing_rows(counts) / n).tolist(),
        (unseen_rows(counts) / n).tolist(),
        strict=True,
    )
    has_probability = missing_rows(counts)[COLUMNS.index(PROBABILITY)] < n
    drifts = [ColumnDrift(*v) for v in values if v[0] != PROBABILITY or has_probability]
    return sorted(drifts, key=lambda drift: -drift.psi), counts


def format_table(drifts: Sequence[ColumnDrift], threshold: float) -> str:
    """Return the table for the terminal."""
    lines = [f"{'column':32}{'PSI':>8}{'missing before':>16}{'now':>8}{'unseen':>9}"]
    for drift in drifts:
        mark = "  above" if drift.psi > threshold else ""
        shares = f"{drift.missing_before:>16.2%}{drift.missing_now:>8.2%}{drift.unseen:>9.2%}"
        lines.append(f"{drift.column:32}{drift.psi:>8.4f}{shares}{mark}")
    return "\n".join(lines)


def parse_threshold(text: str) -> float:
    """Parse an index; NaN is refused, since no index would be above it.

    Raises
    ------
    argparse.ArgumentTypeError
        Not a number of at least 0.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"invalid threshold {text!r}: not a number of at least 0")
    return value


def main(argv: list[str]) -> int:
    """Compare; return 0, 1 if an index is above the threshold, 2 if a file is refused."""
    parser = argparse.ArgumentParser(prog="python -m serving.tools.drift", description=__doc__)
    parser.add_argument("reference", type=Path, metavar="REF", help="a bundle or a table")
    parser.add_argument("current", type=Path, metavar="CUR", help="a table")
    parser.add_argument(
        "--threshold", type=parse_threshold, default=0.25, help="of the index (default 0.25)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a report")
    arguments = parser.parse_args(argv)
    try:
        bins, rows = Bins(read_reference(arguments.reference)), read_rows(arguments.current)
    except ServingError as error:
        print(error, file=sys.stderr)
        return 2
    drifts, counts = compare(bins, rows)
    above = [drift.column for drift in drifts if drift.psi > arguments.threshold]
    print(format_table(drifts, arguments.threshold))
    print(f"{len(rows.codes)} rows; {len(above)} columns above {arguments.threshold:g}")
    if arguments.json:
        content = {
            "rows": len(rows.codes),
            "threshold": arguments.threshold,
            "above": above,
            "columns": [drift._asdict() for drift in drifts],
        }
        write_bytes(arguments.json, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    if arguments.html:
        columns = [(d.column, d.psi, d.missing_now, d.unseen) for d in drifts]
        title = f"{arguments.current} ({len(rows.codes)} rows) compared with {arguments.reference}"
        report = render_html(title, bins, counts, columns, arguments.threshold)
        write_bytes(arguments.html, report.encode())
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
