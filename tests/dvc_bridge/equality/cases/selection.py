"""Which stages: targets, alone, downstream, all; by force; dry."""

from __future__ import annotations

from tests.dvc_bridge.equality.cases.graphs import diamond
from tests.dvc_bridge.equality.cases.places import several
from tests.dvc_bridge.equality.workbench import Case, Step, Workbench


def _dep(bench: Workbench) -> None:
    bench.append("raw.txt", "more\n")


CASES = [
    Case(
        "targets",
        diamond,
        (
            Step("one", argv=("left",)),
            Step("two", argv=("right", "left")),
            Step("the rest"),
            Step("one, dep changed", _dep, ("left",)),
            Step("alone", _dep, ("-s", "right")),
            Step("alone, two", argv=("--single-item", "join", "left")),
            Step("downstream", _dep, ("--downstream", "left")),
            Step("downstream of two", argv=("--downstream", "right", "left")),
            Step("file and stage", argv=("dvc.yaml", "aside")),
            Step("unknown", argv=("nobody",), fails=True, says="nobody"),
            Step("unknown file", argv=("no/dvc.yaml",), fails=True, says="no/dvc.yaml"),
            Step("unknown beside known", _dep, ("start", "nobody"), fails=True, says="nobody"),
            Step("the same twice", argv=("start", "start")),
        ),
    ),
    Case(
        "by force",
        diamond,
        (
            Step("cold", argv=("-f",)),
            Step("all", argv=("--force",)),
            Step("one", argv=("-f", "left")),
            Step("alone", argv=("-f", "-s", "join")),
            Step("downstream", argv=("-f", "--downstream", "right")),
        ),
    ),
    Case(
        "dry",
        diamond,
        (
            Step("one", argv=("left",)),
            Step("another", argv=("--dry", "right")),
            Step("by force", argv=("--dry", "-f", "left")),
            Step("after a change", _dep, ("--dry", "left")),
            Step("in earnest"),
        ),
    ),
    Case(
        "all pipelines",
        several,
        (
            Step("a target is not looked at", argv=("-P", "last")),
            Step("alone", lambda b: b.write({"data": "2\n"}), ("-P", "-s")),
            Step("downstream", lambda b: b.write({"data": "3\n"}), ("-P", "--downstream")),
            Step("by force", argv=("-P", "-f")),
        ),
    ),
]
