"""Each case ends where sequential `dvc repro` ends when every stage runs in a pod of its own.

A pod is a process in its own folder (tests/support/play_in_workers.py), which shares only the
remote with the project. `EQUALITY_PODS=3` puts three stages into each pod. The suite plays ten
cases; `pytest -m "full or not full" tests/equality/test_pods.py` plays all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.equality.cases import ALL
from tests.equality.lab import Lab
from tests.equality.side import PODS
from tests.equality.workbench import Case, Step, Workbench

UNDECLARED = "its commands read or write what they do not declare"
FAILS = "what a failed command leaves stays in its pod"
KEPT = "what is lost here is still in the remote, and counts"
REPRO = "options of repro only"
REFUSED = "refused before anything runs, with the reason"
LINKS = "links into the cache have other modes after a merge"
LISTING = "dvc stores the listing of a new folder in the place of DVC 2, where nothing reads it"
APART = {
    "diamond": KEPT,
    "folders": KEPT,
    "outs in a dep folder": KEPT,
    "outs that are not cached": KEPT,
    "cache lost or damaged": KEPT,
    "dvc.lock lost or older": REFUSED,
    "frozen": KEPT,
    "frozen from the start": REFUSED,
    "outs that persist": REFUSED,
    "what cannot be run": REFUSED,
    "an out that git tracks": REFUSED,
    "alone in no graph": REFUSED,
    "foreach": UNDECLARED,
    "kinds of stages": UNDECLARED,
    "commands of several lines": UNDECLARED,
    "commands in bash": UNDECLARED,
    "commands that change their deps": UNDECLARED,
    "dvc in commands": UNDECLARED,
    "a command that goes on in the background": UNDECLARED,
    ".dvcignore": UNDECLARED,
    "a failing stage": FAILS,
    "a failing stage, keep going": FAILS,
    "what fails one by one": FAILS,
    "what fails, keep going": FAILS,
    "parameters of four kinds of files": FAILS,
    "dry": "nothing is submitted",
    "without the run cache": REPRO,
    "without storing outs": REPRO,
    "downstream by force": REPRO,
    "errors ignored": REPRO,
    "missing data that are allowed": "pods find data in the remote",
    "missing data of stages that only dvc can decide": "pods find data in the remote",
    "cache type symlink": LINKS,
    "cache type hardlink": LINKS,
    "a shared cache": LINKS,
    "import": "not tried in pods yet",
    "data that was added": REFUSED,
    "one object of several stages": KEPT,
    "forced, a dep lost, an out that persists": FAILS,
    "outs that are links to another disk": UNDECLARED,
    "a dep twice": REFUSED,
    "a .gitignore of another editor": FAILS,
    "folders that a stage gains": LISTING,
    "folders that a failing stage gains": FAILS,
    "missing data that are pulled": REPRO,
    "kinds of missing data that are pulled": REPRO,
    "asked without a terminal": REPRO,
    "a folder in an entry of dvc 2": KEPT,
    "outs lost whose state only dvc can decide": REFUSED,
}
# The number of first steps of these cases that pods play like DVC.
BEGUN = {
    "diamond": 7,
    "folders": 5,
    "outs in a dep folder": 5,
    "outs that are not cached": 4,
    "outs that persist": 4,
    "frozen": 2,
    "parameters of four kinds of files": 7,
    "dvc.lock lost or older": 2,
    "data that was added": 2,
    "a dep twice": 6,
    "a .gitignore of another editor": 1,
    "folders that a stage gains": 1,
    "folders that a failing stage gains": 1,
}
PLAYED = [
    replace(case, steps=case.steps[: BEGUN.get(case.name)])
    for case in ALL
    if case.name in BEGUN or case.name not in APART
]


@pytest.fixture(scope="session")
def pods(lab_folder: Path) -> Iterator[Lab]:
    work = lab_folder / "pods"
    work.mkdir()
    with Lab(work, ours=PODS) as lab:
        yield lab


QUICK = (
    "exec bits",
    "metrics, plots, fields",
    "several dvc.yaml",
    "import-url",
)

PROGRAM = """\
stages:
  tools:
    cmd: mkdir -p tools && printf '#!/bin/sh\\necho made\\n' > tools/make && chmod 755 tools/make
    deps: [raw]
    outs: [tools]
  use:
    cmd: tools/make > used
    deps: [tools/make]
    outs: [used]
"""


def _program(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": PROGRAM, "raw": "raw\n"})


def _all_lost(bench: Workbench) -> None:
    bench.remove("tools", "used", "dvc.lock", ".dvc/cache")


def test_a_program_in_a_folder_is_one_where_only_the_remote_has_it(pods: Lab) -> None:
    steps = (Step("cold"), Step("all lost here", _all_lost))
    found = pods.unlike(Case("a program in a folder", _program, steps))
    assert not found, "\n".join(found)


def test_dvc_sees_after_pods_what_it_sees_after_repro(pods: Lab) -> None:
    case = next(case for case in PLAYED if case.name == "metrics, plots, fields")
    found = pods.unlike(replace(case, looks=True))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case.name in QUICK else pytest.mark.full) for case in PLAYED],
    ids=lambda case: case.name,
)
def test_case_in_pods_ends_where_dvc_repro_ends(pods: Lab, case: Case) -> None:
    found = pods.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
