"""Each case ends, after every one of its steps, where sequential `dvc repro` ends."""

from __future__ import annotations

import pytest

from tests.equality.cases import ALL
from tests.equality.lab import Lab
from tests.equality.workbench import Case


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_case_ends_where_dvc_repro_ends(lab: Lab, case: Case) -> None:
    found = lab.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
