"""Stages that fail, with and without -k.

After a failure, DVC also removes the .gitignore lines of the successful stages. These cases switch
that off, since dvc_bridge does not copy it (test_intended.py).
"""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

FAILING = """\
stages:
  first:
    cmd: ran first; cat raw > first
    deps: [raw]
    outs: [first]
  bad:
    cmd: ran bad; cat first > bad; exit CODE
    deps: [first]
    outs: [bad]
  worse:
    cmd:
      - ran worse; cat raw > worse
      - 'false'
      - ran never; echo >> worse
    deps: [raw]
    outs: [worse]
  after:
    cmd: ran after; cat bad > after
    deps: [bad]
    outs: [after]
  last:
    cmd: ran last; cat first > last
    deps: [first]
    outs: [last]
  join:
    cmd: ran join; cat after last > join
    deps: [after, last]
    outs: [join]
"""

MISSING = """\
stages:
  forgets:
    cmd: ran forgets; echo 1 > made
    deps: [raw]
    outs: [made, forgotten]
  no_folder:
    cmd: ran no_folder; cat raw > new/folder/out
    deps: [raw]
    outs: [new/folder/out]
  eats:
    cmd: ran eats; mv food eaten
    deps: [food]
    outs: [eaten]
  no_dep:
    cmd: ran no_dep; cat nowhere > no_dep
    deps: [nowhere]
    outs: [no_dep]
  no_param:
    cmd: ran no_param; echo 1 > no_param
    params: [absent]
    outs: [no_param]
  no_program:
    cmd: no-such-program
    deps: [raw]
  no_wdir:
    cmd: ran no_wdir
    wdir: absent
    deps: [../raw]
  killed:
    cmd: ran killed; kill -9 $$
    deps: [raw]
  good:
    cmd: ran good; cat raw > good
    deps: [raw]
    outs: [good]
"""
STAGES = ("forgets", "no_folder", "eats", "no_dep", "no_param", "no_program", "no_wdir", "killed")


def failing(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FAILING.replace("CODE", "3"), "raw": "raw\n"})


def missing(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": MISSING, "raw": "raw\n", "food": "f\n", "params.yaml": "present: 1\n"})


def _repair(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "exit 3", "exit 0")
    bench.replace("dvc.yaml", "- 'false'", "- 'true'")


def _break_again(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "exit 0", "exit 4")


CASES = [
    Case(
        "a failing stage",
        failing,
        (
            Step("cold", fails=True),
            Step("again", fails=True),
            Step("only good ones", argv=("last",)),
            Step("repaired", _repair),
            Step("broken again", _break_again, fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "a failing stage, keep going",
        failing,
        (
            Step("cold", argv=("-k",), fails=True),
            Step("again", argv=("-k",), fails=True),
            Step("one target", lambda b: b.write({"raw": "2\n"}), ("-k", "join"), fails=True),
            Step("repaired", _repair, ("-k",)),
            Step("broken again", _break_again, ("-k",), fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "what fails one by one",
        missing,
        tuple(Step(name, argv=(name,), fails=True, says=name) for name in STAGES),
        keeps_ignores=True,
    ),
    Case(
        "what fails, keep going",
        missing,
        (Step("cold", argv=("-k",), fails=True), Step("again", argv=("-k", "-f"), fails=True)),
        keeps_ignores=True,
    ),
]
