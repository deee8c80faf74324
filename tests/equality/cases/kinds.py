"""Kinds of stages: frozen, always changed, without deps, without outs, without either."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

KINDS = """\
stages:
  callback:
    cmd: ran callback; echo >> callbacks
  no_deps:
    cmd: ran no_deps; echo made > made
    outs: [made]
  no_outs:
    cmd: ran no_outs; cat raw made
    deps: [raw, made]
  only_params:
    cmd: ran only_params; cp params.yaml copied
    params: [rate]
    outs: [copied]
  always:
    cmd: ran always; cat raw made > always
    deps: [raw, made]
    outs: [always]
    always_changed: true
  after_always:
    cmd: ran after_always; cat always > after
    deps: [always]
    outs: [after]
  always_made:
    cmd: ran always_made; cat counter > number
    outs: [number]
    always_changed: true
  after_number:
    cmd: ran after_number; cat number > after_number
    deps: [number]
    outs: [after_number]
"""

FROZEN = """\
stages:
  before:
    cmd: ran before; cat raw > before
    deps: [raw]
    outs: [before]
  ice:
    cmd: ran ice; cat before raw > ice
    deps: [before, raw]
    outs: [ice]
    frozen: FROZEN
  after:
    cmd: ran after; cat ice raw > after
    deps: [ice, raw]
    outs: [after]
"""


def kinds(bench: Workbench) -> None:
    bench.start()
    files = {"dvc.yaml": KINDS, "params.yaml": "rate: 1\n", "raw": "raw\n", "counter": "1\n"}
    bench.write({**files, ".gitignore": "/callbacks\n"})


def frozen(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FROZEN.replace("FROZEN", "false"), "raw": "raw\n"})


def frozen_from_the_start(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FROZEN.replace("FROZEN", "true"), "raw": "raw\n", "ice": "ice\n"})


def _freeze(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "frozen: false", "frozen: true")


def _thaw(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "frozen: true", "frozen: false")


CASES = [
    Case(
        "kinds of stages",
        kinds,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
            Step("param", lambda b: b.write({"params.yaml": "rate: 2\n"})),
            Step("undeclared", lambda b: b.write({"counter": "2\n"})),
            Step("cmd", lambda b: b.replace("dvc.yaml", "echo made", "echo MADE")),
            Step("made gone", lambda b: b.remove("made")),
            Step("a callback alone", argv=("-s", "callback")),
        ),
    ),
    Case(
        "frozen",
        frozen,
        (
            Step("cold"),
            Step("frozen", _freeze),
            Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
            Step("itself", argv=("ice",)),
            Step("itself, alone, forced", argv=("-s", "-f", "ice")),
            Step("forced", argv=("-f",)),
            Step("edited", lambda b: b.write({"ice": "by hand\n"})),
            Step("gone", lambda b: b.remove("ice"), fails=True),
            Step("gone, keep going", argv=("-k",), fails=True),
            Step("thawed", _thaw),
        ),
        keeps_ignores=True,
    ),
    Case(
        "frozen from the start",
        frozen_from_the_start,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
            Step("thawed", _thaw),
        ),
        keeps_ignores=True,
    ),
]
