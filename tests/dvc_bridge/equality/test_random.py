"""Random projects, changed at random between runs, end where sequential `dvc repro` ends.

More than the suite takes: `EQUALITY_EXAMPLES=5000 pytest tests/dvc_bridge/equality/test_random.py`
draws that many anew, and prints the seed that repeats them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.dvc_bridge.equality.interferences import BESIDE
from tests.dvc_bridge.equality.lab import Lab
from tests.dvc_bridge.equality.stories import stories
from tests.dvc_bridge.equality.story import Story

Test = TypeVar("Test", bound=Callable[..., None])
EXAMPLES = os.environ.get("EQUALITY_EXAMPLES")


# What happened at the same time is not repeated with a smaller story.
NOT_SHRUNK = (Phase.explicit, Phase.generate)


def examples(count: int, phases: Sequence[Phase] = tuple(Phase)) -> Callable[[Test], Test]:
    """Draw so many, the same ones every time; or as many as the environment says, and others."""
    return settings(
        phases=phases,
        max_examples=int(EXAMPLES or count),
        derandomize=not EXAMPLES,
        print_blob=bool(EXAMPLES),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def started(lab: Lab) -> Path:
    """A project where only `git init` and `dvc init` have been done."""
    return lab.build(Story().case())


@examples(100)
@given(story=stories())
def test_a_random_project_ends_where_dvc_repro_ends(lab: Lab, started: Path, story: Story) -> None:
    check(lab.unlike_from(started, story.case()), story)


@examples(50)
@given(story=stories(jobs=(1,), noisy=True))
def test_with_others_at_work_it_ends_where_dvc_repro_ends(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unlike_from(started, story.case()), story)


@examples(40, NOT_SHRUNK)
@given(story=stories(jobs=(4,), noisy=True, beside=BESIDE))
def test_others_at_work_beside_parallel_runs_are_never_missed_afterwards(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unsettled_from(started, story.case()), story)


def check(found: list[str], story: Story) -> None:
    """Fail with what was found, and the story that led to it."""
    if found:
        note("\n".join([repr(story), *found]))
    # Said here too: a story that ends well when it is told again leaves no note.
    assert not found, "\n".join(["both ended differently: see the story above", *found])
