"""Killed at any moment and run again, `dvc-bridge repro` ends where an uninterrupted run ends.

More than the suite takes: `EQUALITY_KILLS=200 pytest -s tests/equality/test_chaos.py`;
`EQUALITY_SEED=n` begins with another seed than 0. The moments are drawn from the seed, but what a
run is doing at that moment is up to the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.equality.chaos import Victim, changed, cold, play
from tests.equality.lab import Lab
from tests.equality.workbench import Case, Change, Step

KILLS = int(os.environ.get("EQUALITY_KILLS", "10"))
SEED = int(os.environ.get("EQUALITY_SEED", "0"))


@pytest.fixture(scope="session")
def victim(lab: Lab, lab_folder: Path) -> Iterator[Victim]:
    victim = Victim(lab_folder / "chaos", lab.env)
    yield victim
    victim.survivors()


@pytest.mark.parametrize(
    "build",
    [cold, pytest.param(changed, marks=pytest.mark.full)],
    ids=lambda build: build.__name__,
)
def test_killed_at_any_moment_it_ends_where_dvc_repro_ends(
    lab: Lab, victim: Victim, build: Change
) -> None:
    case = Case("chaos", build, (Step("all"),), handed_over=False)
    pristine = lab.build(case)
    expected = lab.play_from(pristine, case)[0][0].state
    victim.lay_out(pristine)
    start = time.monotonic()
    assert victim.run()[0] == 0
    longest = time.monotonic() - start
    seed, found = SEED, []
    enough = victim.kills + (KILLS + 1) // 2
    while victim.kills < enough:
        victim.lay_out(pristine)
        wrong = list(play(victim, expected, seed, longest))
        seed += 1
        found += wrong
        print(*wrong, sep="\n", end="\n" if wrong else "")
        print(f"{build.__name__}: seed {seed}, {victim.kills} kills, {len(found)} findings")
    if found:
        pytest.fail("\n".join(found), pytrace=False)
