"""Where ours is meant to end differently from `dvc repro`, and in nothing else."""

from __future__ import annotations

from dvc_bridge.verify.equality import differences, without_rolled_back
from tests.equality.cases.failures import failing
from tests.equality.lab import Lab
from tests.equality.workbench import Case, Step, Workbench

COLLIDING = """\
stages:
  m:
    matrix:
      one: [a, a-b]
      two: [b-c, c]
    cmd: ran m; echo ${item.one} ${item.two} > "out ${item.one} ${item.two}"
    outs: ['out ${item.one} ${item.two}']
"""


def test_ignore_lines_of_what_succeeded_stay_after_a_failure(lab: Lab) -> None:
    steps = (Step("cold", fails=True, argv=("-k",)),)
    ((expected, *_), (actual, *_)) = lab.play(Case("failing", failing, steps))
    found = differences(expected.state, actual.state)
    assert [(d.where, d.path) for d in found] == [("gitignore", ".gitignore")]
    assert without_rolled_back(found, expected.state, actual.state) == []
    ignored = actual.state.workspace[".gitignore"].text or ""
    assert {"/first", "/last"} <= set(ignored.splitlines())


def test_two_stages_of_one_name_are_refused_where_dvc_drops_one(lab: Lab) -> None:
    def colliding(bench: Workbench) -> None:
        bench.start()
        bench.write({"dvc.yaml": COLLIDING})

    ((expected, *_), (actual, *_)) = lab.play(Case("colliding", colliding, (Step("cold"),)))
    assert expected.executed == ("m", "m", "m")
    assert actual.ran.code == 2
    assert "m@a-b-c" in actual.ran.output
    assert actual.executed == ()


def test_a_dry_run_needs_no_outs_of_stages_that_it_only_names(lab: Lab) -> None:
    def chain(bench: Workbench) -> None:
        failing(bench)
        bench.replace("dvc.yaml", "; exit 3", "")

    steps = (Step("cold", argv=("--dry", "after")),)
    ((expected, *_), (actual, *_)) = lab.play(Case("dry", chain, steps))
    assert expected.ran.code != 0, "DVC looks for first, which its own dry run did not make"
    assert actual.ran.code == 0
    assert actual.executed == ()
    assert differences(expected.state, actual.state)[1:] == [], "more than the exit code differs"
