"""Options that change how stages run: run cache, cache, errors, downstream."""

from __future__ import annotations

from tests.equality.cases.graphs import diamond
from tests.equality.workbench import Case, Step, Workbench

FAILS = """\
stages:
  good: {cmd: ran good; cat raw > good, deps: [raw], outs: [good]}
  bad: {cmd: ran bad; cat raw > bad; exit 3, deps: [raw], outs: [bad]}
  after: {cmd: ran after; cat good > after, deps: [good, bad], outs: [after]}
  last: {cmd: ran last; cat after > last, deps: [after], outs: [last]}
"""
NO_RUN_CACHE = ("--no-run-cache",)
NO_COMMIT = ("--no-commit",)
DOWN = ("--force-downstream",)


def _back(bench: Workbench) -> None:
    bench.write({"raw.txt": "raw\n"})


def _changed(bench: Workbench) -> None:
    bench.write({"raw.txt": "raw 2\n"})


def _failing(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FAILS, "raw": "raw\n"})


def _healed(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "; exit 3", "")


def _lines_more(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "ran left; ", "ran left ; ")


CASES = [
    Case(
        "without the run cache",
        diamond,
        (
            Step("cold", argv=NO_RUN_CACHE),
            Step("changed", _changed, NO_RUN_CACHE),
            Step("back", _back, NO_RUN_CACHE),
            Step("an out lost", lambda b: b.remove("left.txt"), NO_RUN_CACHE),
            Step("changed again, with it", _changed),
        ),
    ),
    Case(
        "without storing outs",
        diamond,
        (
            Step("cold", argv=NO_COMMIT),
            Step("nothing changed", argv=NO_COMMIT),
            Step("stored"),
            Step("changed", _changed, NO_COMMIT),
            Step("back", _back, NO_COMMIT),
        ),
    ),
    Case(
        "downstream by force",
        diamond,
        (
            Step("cold", argv=DOWN),
            Step("nothing changed", argv=DOWN),
            Step("one command", _lines_more, DOWN),
            Step("restored", lambda b: b.remove("left.txt"), DOWN),
            Step("a target", lambda b: b.append("code.sh", "# more\n"), (*DOWN, "left")),
            Step("alone", lambda b: b.append("code.sh", "# more\n"), (*DOWN, "-s", "left")),
            Step("the rest", argv=DOWN),
        ),
    ),
    Case(
        "asked without a terminal",
        diamond,
        (
            Step("cold", argv=("-i",), fails=True),
            Step("in earnest"),
            Step("nothing changed", argv=("--interactive",)),
            Step("one changed", _changed, ("-i", "left"), fails=True),
            Step("by force", argv=("-f", "-i", "aside"), fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "quiet and verbose",
        diamond,
        (Step("quiet", argv=("-q",)), Step("verbose", _changed, ("-v",))),
        foreseen=False,
    ),
    Case(
        "errors ignored",
        _failing,
        (
            Step("cold", argv=("--ignore-errors",), fails=False),
            Step("again", argv=("--ignore-errors",), fails=False),
            Step("healed", _healed),
        ),
        jobs=1,
        keeps_ignores=True,
    ),
]
