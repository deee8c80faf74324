"""Draw which folder of dvc_bridge imports which: `python docs/tools/import_graph.py`.

Imports inside functions count. An arrow that follows from others (a -> b -> c makes a -> c) is left
out. With `--check` the picture is compared, not written. A circle of folders is an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import grimp

PICTURE = Path(__file__).parents[1] / "images" / "import-graph.svg"
PACKAGE = "dvc_bridge"
BOX, BEND, GAP, ROW = (
    (150, 46),
    10,
    36,
    86,
)  # a box, a bend of an arrow, between them, to the next row

Graph = Mapping[str, set[str]]
Place = tuple[float, float]


def folder_imports() -> tuple[Graph, Mapping[str, int]]:
    """Return, for each folder or module of the package, what it imports; and its module count."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    parts = {module: _part(module) for module in graph.modules if _part(module)}
    imports: dict[str, set[str]] = {part: set() for part in parts.values()}
    for module, part in parts.items():
        for imported in graph.find_modules_directly_imported_by(module):
            imports[part].add(parts.get(imported, part))
    counts = {part: list(parts.values()).count(part) for part in imports}
    return {part: found - {part} for part, found in imports.items()}, counts


def module_circle() -> list[str]:
    """Return modules that import each other in a circle, lazy imports included; empty: none."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    try:
        tuple(TopologicalSorter(imports).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def _part(module: str) -> str:
    name = module.split(".")[1] if "." in module else ""
    return "" if name == "__main__" else name


def reduced(graph: Graph) -> Graph:
    """Return the graph without the edges that follow from others."""
    below: dict[str, set[str]] = {}
    for part in TopologicalSorter(graph).static_order():
        below[part] = set().union(*(below[other] | {other} for other in graph[part]))
    return {
        part: {o for o in found if not any(o in below[other] for other in found)}
        for part, found in graph.items()
    }


def heights(graph: Graph) -> dict[str, int]:
    """Return for each part how far it is above the parts that import nothing."""
    found: dict[str, int] = {}
    for part in TopologicalSorter(graph).static_order():
        found[part] = 1 + max((found[other] for other in graph[part]), default=-1)
    return found


def paths(graph: Graph, height: Mapping[str, int]) -> list[list[str]]:
    """Return the nodes that each arrow leads through: its ends, and a bend in every row between."""
    return [
        [part, *(f"{part}>{other}@{row}" for row in between), other]
        for part in sorted(graph)
        for other in sorted(graph[part])
        for between in [range(height[part] - 1, height[other], -1)]
    ]


def places(height: Mapping[str, int], arrows: Sequence[Sequence[str]]) -> dict[str, Place]:
    """Return the middle of the upper edge of each box, and the places of the bends."""
    top = max(height.values())
    rows: list[list[str]] = [
        [p for p in sorted(height) if height[p] == top - n] for n in range(top + 1)
    ]
    above: dict[str, list[str]] = {}
    for arrow in arrows:
        for upper, lower in pairwise(arrow):
            above.setdefault(lower, []).append(upper)
        for bend in arrow[1:-1]:
            rows[top - int(bend.rsplit("@", 1)[1])].append(bend)
    found: dict[str, Place] = {}
    for n, row in enumerate(rows):
        # Each node as near as can be below the nodes that lead to it.
        row.sort(key=lambda node: fmean([found[up][0] for up in above.get(node, ())] or [0.0]))
        x = -sum(_width(node) + GAP for node in row) / 2
        for node in row:
            x += (_width(node) + GAP) / 2
            found[node] = (x, 10.0 + n * ROW)
            x += (_width(node) + GAP) / 2
    left = min(x for x, _ in found.values()) - BOX[0] / 2 - 10
    return {node: (x - left, y) for node, (x, y) in found.items()}


def _width(node: str) -> int:
    return BEND if "@" in node else BOX[0]


def picture(graph: Graph, counts: Mapping[str, int]) -> str:
    """Render the graph as SVG; all text stands in filled boxes, for light and dark pages."""
    height = heights(graph)
    arrows = paths(reduced(graph), height)
    place = places(height, arrows)
    width = max(x for x, _ in place.values()) + BOX[0] / 2 + 10
    bottom = max(y for _, y in place.values()) + BOX[1] + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {bottom:g}" role="img"'
        ' font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="15">',
        f"<title>Which folder of {PACKAGE} imports which</title>",
        '<defs><marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7"',
        'markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" fill="#8b949e"/></marker></defs>',
        *(_arrow([place[node] for node in arrow]) for arrow in arrows),
        *(_box(part, place[part], counts[part]) for part in sorted(height)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _arrow(nodes: Sequence[Place]) -> str:
    (x, y), *bends, (to_x, to_y) = nodes
    middle = "".join(f"L{a:g} {b:g}V{b + BOX[1]:g}" for a, b in bends)
    return (
        f'<path d="M{x:g} {y + BOX[1]:g}{middle}L{to_x:g} {to_y - 2:g}" fill="none"'
        ' stroke="#8b949e" stroke-width="2" marker-end="url(#end)"/>'
    )


def _box(part: str, place: Place, count: int) -> str:
    x, y = place
    modules = f"{count} modules" if count > 1 else f"{part}.py"
    return (
        f'<g text-anchor="middle" fill="#fff"><rect x="{x - BOX[0] / 2:g}" y="{y:g}"'
        f' width="{BOX[0]}" height="{BOX[1]}" rx="8" fill="#34558b"/>'
        f'<text x="{x:g}" y="{y + 20:g}" font-weight="600">{part}</text>'
        f'<text x="{x:g}" y="{y + 37:g}" font-size="12">{modules}</text></g>'
    )


def main() -> int:
    """Write or check the picture and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare, do not write")
    graph, counts = folder_imports()
    try:
        wanted = picture(graph, counts)
    except CycleError as error:
        print(f"folders import each other: {' -> '.join(error.args[1])}", file=sys.stderr)
        return 1
    if circle := module_circle():
        print(f"modules import each other: {' -> '.join(circle)}", file=sys.stderr)
        return 1
    if not arguments.parse_args().check:
        PICTURE.write_text(wanted, encoding="utf-8")
    elif not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != wanted:
        print(f"{PICTURE} is out of date\nfix: python docs/tools/import_graph.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
