"""Projects that DVC refuses: ours does too, and leaves everything as it was."""

from __future__ import annotations

from tests.equality.cases.graphs import DIAMOND, diamond
from tests.equality.workbench import Case, Change, Step, Workbench

MARKS = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.0'\n>>>>>>> other\n"
# By name: the text in dvc.yaml, its replacement, and the text that the message must contain.
EDITS = {
    "a cycle": ("deps: [raw.txt]", "deps: [joined.txt]", "start"),
    "a stage of its own out": ("deps: [raw.txt]", "deps: [start.txt]", "start"),
    "one out of two stages": ("outs: [left.txt]", "outs: [right.txt]", "right.txt"),
    "one out inside another": ("outs: [left.txt]", "outs: [joined.txt/x]", "joined.txt"),
    "an out that is a dep's file": ("outs: [left.txt]", "outs: [code.sh]", "code.sh"),
    "broken YAML": ("deps: [raw.txt]", "deps: [raw.txt", "dvc.yaml"),
    "a name twice": ("  aside:", "  join:", "join"),
    "an unknown field": ("deps: [raw.txt]", "depz: [raw.txt]", "depz"),
    "no command": ("cmd: ran start; cat raw.txt > start.txt\n", "desc: x\n", "start"),
    "an out that is dvc.yaml": ("outs: [left.txt]", "outs: [dvc.yaml]", "dvc.yaml"),
    "an out that is the project": ("outs: [left.txt]", "outs: [.]", "left"),
    "an out above the project": ("outs: [left.txt]", "outs: [../left.txt]", "left.txt"),
}


def _edit(old: str, new: str) -> Change:
    def change(bench: Workbench) -> None:
        bench.write({"dvc.yaml": DIAMOND})
        bench.replace("dvc.yaml", old, new)

    return change


def _nothing(bench: Workbench) -> None:
    bench.start()


CASES = [
    Case(
        "what cannot be run",
        diamond,
        (
            Step("cold"),
            *(
                Step(name, _edit(old, new), fails=True, says=named)
                for name, (old, new, named) in EDITS.items()
            ),
        ),
        keeps_ignores=True,
    ),
    Case("no dvc.yaml", _nothing, (Step("cold", fails=True, says="dvc.yaml"),)),
    Case(
        "files that cannot be read",
        diamond,
        (
            Step("cold"),
            Step("conflict", lambda b: b.write({"dvc.lock": MARKS}), fails=True, says="dvc.lock"),
            Step("list", lambda b: b.write({"dvc.lock": "- a\n"}), fails=True, says="dvc.lock"),
            Step("none", lambda b: b.remove("dvc.lock")),
            Step(
                "params",
                lambda b: b.write({"params.yaml": "a: ["}),
                fails=True,
                says="params.yaml",
            ),
            Step("empty", lambda b: b.write({"dvc.yaml": "", "params.yaml": "a: 1\n"})),
            Step("a list", lambda b: b.write({"dvc.yaml": "- a"}), fails=True, says="dvc.yaml"),
        ),
        keeps_ignores=True,
    ),
]
