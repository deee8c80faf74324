"""Draw the graph of a run: as SVG for the page, as Mermaid for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from dvc_bridge.report.format import shortened
from dvc_bridge.report.graph_fold import Graph, Node
from dvc_bridge.report.html import text

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, LABEL = 158, 38, 44, 12, 22
# A graph that is wider than the page is drawn smaller, down to this; then it scrolls.
_LEAST = 0.75
_CLASSES = {"run cache": "reused", "up to date": "unchanged"}
_SWEEPS = 4
_SHOWN_COUNTS = ("failed", "skipped", "running")


def graph_svg(graph: Graph) -> str:
    """Return the graph as an HTML figure, from left to right."""
    rows = _rows(graph)
    width = (max(n.column for n in graph.nodes) + 1) * (BOX_WIDTH + GAP_X) - GAP_X + 4
    height = int(max(rows) + 1) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 4
    corners = [
        (2 + node.column * (BOX_WIDTH + GAP_X), 2 + row * (BOX_HEIGHT + GAP_Y))
        for node, row in zip(graph.nodes, rows, strict=True)
    ]
    return "".join(
        [
            f'<figure class="scroll"><svg class="graph" role="img" aria-label="Graph of the stages"'
            f' viewBox="0 0 {width} {height}" style="{_style(width)}">',
            *(_edge(corners[start], corners[end]) for start, end in graph.edges),
            *(
                part
                for node, corner in zip(graph.nodes, corners, strict=True)
                for part in _box(node, corner)
            ),
            "</svg></figure>",
        ]
    )


def _style(width: int) -> str:
    return f"width:clamp({width * _LEAST:.0f}px,100%,{width}px)"


def _rows(graph: Graph) -> list[float]:
    """Return the row of each node: near its neighbours, to keep edges short."""
    columns: dict[int, list[int]] = {}
    for place, node in enumerate(graph.nodes):
        columns.setdefault(node.column, []).append(place)
    rows = [0.0] * len(graph.nodes)
    for places in columns.values():
        for row, place in enumerate(places):
            rows[place] = float(row)
    before: list[list[int]] = [[] for _ in graph.nodes]
    after: list[list[int]] = [[] for _ in graph.nodes]
    for start, end in graph.edges:
        before[end].append(start)
        after[start].append(end)
    tallest = max(map(len, columns.values()))
    for sweep in range(_SWEEPS):
        neighbours = before if sweep % 2 == 0 else after
        for column in sorted(columns, reverse=bool(sweep % 2)):
            places = columns[column]
            wanted = {
                p: mean(rows[n] for n in neighbours[p]) if neighbours[p] else rows[p]
                for p in places
            }
            places.sort(key=lambda place: (wanted[place], place))
            offset = (tallest - len(places)) / 2
            for row, place in enumerate(places):
                rows[place] = row + offset
    return rows


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    u, v = end[0], end[1] + BOX_HEIGHT / 2
    bend = max(GAP_X / 2, (u - x) / 2)
    return (
        f'<path class="edge" d="M{x:g} {y:g}C{x + bend:g} {y:g} {u - bend:g} {v:g} {u:g} {v:g}"/>'
    )


def _box(node: Node, corner: tuple[float, float]) -> Iterator[str]:
    x, y = corner
    state = _CLASSES.get(node.state, node.state)
    # An inner picture cuts off what is wider than the box.
    yield f'<svg x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}">'
    yield f"<title>{text(shortened(_title(node), 400))}</title>"
    yield (
        f'<rect class="box {state}" x="1" y="1" width="{BOX_WIDTH - 2}"'
        f' height="{BOX_HEIGHT - 2}" rx="5"/>'
    )
    yield f'<text class="strong" x="10" y="16">{text(shortened(node.name, LABEL))}</text>'
    yield f'<text x="10" y="30">{text(shortened(_subtitle(node), LABEL))}</text></svg>'


def _subtitle(node: Node) -> str:
    if node.count == 1:
        return node.state
    parts = [f"{node.outcomes[s]} {s}" for s in _SHOWN_COUNTS if node.outcomes.get(s)]
    return ", ".join([f"{node.count:,} stages", *parts])


def _title(node: Node) -> str:
    reason = f": {node.reason}" if node.reason else ""
    counts = ", ".join(f"{count} {state}" for state, count in node.outcomes.items())
    return f"{node.name}: {counts if node.count > 1 else node.state}{reason}"


def mermaid(graph: Graph) -> str:
    """Return the graph as the text of a Mermaid diagram."""
    lines = ["flowchart LR"]
    for place, node in enumerate(graph.nodes):
        state = _CLASSES.get(node.state, node.state)
        label = f"{shortened(node.name, 60)}<br/>{_subtitle(node)}"
        lines.append(f'  n{place}["{_quoted(label)}"]:::{state}')
    lines += [f"  n{start} --> n{end}" for start, end in graph.edges]
    lines += [f"  classDef {name} {style}" for name, style in _MERMAID_STYLES.items()]
    return "\n".join(lines)


def _quoted(label: str) -> str:
    """Return a label without the characters that end it or that Mermaid reads as Markdown."""
    parts = label.split("<br/>")
    return "<br/>".join("".join(_character(c) for c in part) for part in parts)


def _character(character: str) -> str:
    is_plain = character.isalnum() or character in " .,-_:/@*()+=…"
    return character if is_plain else f"#{ord(character)};"


_MERMAID_STYLES = {
    "ran": "stroke:#0b66c3,stroke-width:2px",
    "reused": "stroke:#0d8a62,stroke-width:2px",
    "unchanged": "stroke:#8a929c",
    "failed": "stroke:#b3261e,stroke-width:3px",
    "skipped": "stroke:#b3261e,stroke-dasharray:4",
    "running": "stroke:#c2500a,stroke-width:2px",
    "waiting": "stroke:#8a929c,stroke-dasharray:4",
}
