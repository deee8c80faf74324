"""Each case ends where sequential `dvc repro` ends when a generated Metaflow flow has run it.

The suite plays the first step of one case; `pytest -m "full or not full" FILE` plays all, with
EQUALITY_FUSE=none a task for every stage. It also leaves out the cases that pods play differently
(test_pods.py), and steps that flows refuse: without stages, or with stages before their inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.equality.lab import Lab
from tests.equality.side import GENERATED
from tests.equality.test_pods import PLAYED
from tests.equality.workbench import Case

# The suite plays the first step of this case: a run of a flow takes many seconds.
QUICK, QUICK_STEPS = "several dvc.yaml", 1
REFUSED = ("empty", "alone, two")
CASES = [
    replace(case, steps=tuple(step for step in case.steps if step.name not in REFUSED))
    for case in PLAYED
]


@pytest.fixture(scope="session")
def flows(lab_folder: Path) -> Iterator[Lab]:
    work = lab_folder / "generated"
    work.mkdir()
    with Lab(work, ours=GENERATED) as lab:
        yield lab


@pytest.mark.parametrize(
    "case",
    [
        *(
            pytest.param(replace(case, steps=case.steps[:QUICK_STEPS]), id="first step")
            for case in CASES
            if case.name == QUICK
        ),
        *(pytest.param(case, marks=pytest.mark.full, id=case.name) for case in CASES),
    ],
)
def test_case_as_a_flow_ends_where_dvc_repro_ends(flows: Lab, case: Case) -> None:
    found = flows.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
