"""Write the report of a results file: HTML, Markdown and SVG pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.report.analysis import Document, read_rows
from benchmarks.comparison.report.markdown import markdown
from benchmarks.comparison.report.page import page
from benchmarks.comparison.report.strip import draw_strip
from benchmarks.comparison.report.style import SVG_STYLE

# The pictures of the README: workload and phase -> file.
_PICTURES = {
    ("fan-out-100", "cold"): "fan-out-100.svg",
    ("pipeline", "nothing changed"): "nothing-changed.svg",
}


def write_report(document: Document, folder: Path) -> str:
    """Write report.html, report.md and the pictures; return a line that says where."""
    (folder / "report.html").write_text(page(document))
    (folder / "report.md").write_text(markdown(document))
    for row in read_rows(document):
        name = _PICTURES.get((row.workload, row.phase))
        picture = draw_strip(row)
        if name and picture:
            styled = picture.replace(">", f"><style>{SVG_STYLE}</style>", 1)
            (folder / name).write_text(styled + "\n")
    return f"report: {folder / 'report.html'}"
