"""Older versions of DVC, each in an environment of its own (`make versions`).

It plays the first steps of one case of each kind, since versions differ in DVC's API, which every
step of a kind uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.equality.cases import ALL
from tests.equality.lab import Lab
from tests.equality.workbench import Case
from tests.support.paths import REPOSITORY

VERSIONS = sorted(f.stem for f in (REPOSITORY / "tests/equality/versions").glob("*.in"))
STEPS = {
    "diamond": 5,
    "foreach": 3,
    "folders": 4,
    "outs that are not cached": 3,
    "outs that persist": 2,
    "kinds of stages": 3,
    "commands of several lines": 2,
    "a failing stage, keep going": 2,
    "parameters of all values": 2,
    "several dvc.yaml": 2,
    "data that was added": 3,
}
CASES = [replace(case, steps=case.steps[: STEPS[case.name]]) for case in ALL if case.name in STEPS]


# All kinds with the oldest version; with the others, those that go through the most of DVC.
FEW = ("diamond", "foreach", "folders", "outs that are not cached")
# The only ones that run without `make full`, with the oldest and the newest version.
QUICK = ("foreach",)
ENDS = (VERSIONS[0], VERSIONS[-1])
PLAYED = [
    pytest.param(
        version,
        case,
        marks=() if case.name in QUICK and version in ENDS else pytest.mark.full,
        id=f"{version}-{case.name}",
    )
    for version in VERSIONS
    for case in CASES
    if version == VERSIONS[0] or case.name in FEW
]


@pytest.fixture(scope="module")
def old_lab(request: pytest.FixtureRequest, lab_folder: Path) -> Iterator[Lab]:
    python = REPOSITORY / ".venv-dvc" / request.param / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment with dvc {request.param}: make versions")
    # A test worker may come back to a version.
    work = mkdtemp(prefix=request.param, dir=lab_folder)
    with Lab(Path(work), python=str(python)) as lab:
        yield lab


@pytest.mark.parametrize(
    ("old_lab", "case"),
    PLAYED,
    indirect=["old_lab"],
    scope="module",
)
def test_case_ends_where_an_older_dvc_ends(old_lab: Lab, case: Case) -> None:
    found = old_lab.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_every_kind_that_is_named_is_a_case() -> None:
    assert {case.name for case in CASES} == STEPS.keys()
