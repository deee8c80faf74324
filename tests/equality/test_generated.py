"""Each case ends where sequential `dvc repro` ends when a generated Metaflow flow has run it.

`pytest -m full FILE` plays them, with EQUALITY_FUSE=none a task for every stage; the suite plays a
random project only (test_random_elsewhere.py), because a run of a flow takes many seconds. Cases
that pods play differently are left out (test_pods.py), and steps that flows refuse: without stages,
or with stages before their inputs.
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


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_as_a_flow_ends_where_dvc_repro_ends(flows: Lab, case: Case) -> None:
    found = flows.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
