"""Selection of stages: targets, single, downstream, all, forced, dry."""

from __future__ import annotations

from tests.equality.cases.graphs import diamond
from tests.equality.cases.places import several
from tests.equality.workbench import Case, Step, Workbench

ROUND = """\
stages:
  one: {cmd: ran one; cat b > a, deps: [b], outs: [a]}
  two: {cmd: ran two; cat a > b, deps: [a], outs: [b]}
"""
OVERLAP = """\
stages:
  first: {cmd: ran first; echo first > c, outs: [c]}
  second: {cmd: ran second; echo second > c, outs: [c]}
"""
BY_DVC = "running plain `dvc repro` instead"


def _going_round(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": ROUND, "a": "a\n"})


def _overlapping(bench: Workbench) -> None:
    bench.write({"dvc.yaml": OVERLAP})


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
            Step("unknown", argv=("missing",), fails=True, says="missing"),
            Step("unknown file", argv=("no/dvc.yaml",), fails=True, says="no/dvc.yaml"),
            Step("unknown next to known", _dep, ("start", "missing"), fails=True, says="missing"),
            Step("the same twice", argv=("start", "start")),
        ),
    ),
    Case(
        "patterns, folders and whole pipelines",
        several,
        (
            Step("a pattern", argv=("--glob", "*i*")),
            Step("a pattern of another file", argv=("--glob", "a/dvc.yaml:*")),
            Step("a pattern without a stage", lambda b: b.write({"data": "2\n"}), ("--glob", "x*")),
            Step("a pattern in no file", argv=("--glob", "no/dvc.yaml:*"), fails=True),
            Step("a folder", lambda b: b.write({"data": "3\n"}), ("-R", "a")),
            Step("a folder alone", lambda b: b.write({"data": "4\n"}), ("-R", "-s", "b")),
            Step("the project's folder", argv=("-R", ".")),
            Step("no folder", argv=("-R", "missing"), fails=True, says="missing"),
            Step("whole pipelines", lambda b: b.write({"data": "5\n"}), ("-p", "last")),
            Step("of a stage alone", lambda b: b.write({"data": "6\n"}), ("-p", "-s", "last")),
            Step("all others"),
        ),
    ),
    Case(
        "alone in no graph",
        _going_round,
        (
            Step("a circle", fails=True, says="one -> two -> one"),
            Step("alone", argv=("-s", "two"), fails=False, says=BY_DVC),
            Step("alone, two", argv=("-s", "one", "two"), fails=False, says=BY_DVC),
            Step("overlap", _overlapping, fails=True, says="first and second"),
            Step("alone with one", argv=("-s", "second"), fails=False, says=BY_DVC),
            Step("downstream", argv=("-s", "--downstream", "first"), fails=False),
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
