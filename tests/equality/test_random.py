"""Random projects, changed at random between runs, end where sequential `dvc repro` ends.

More than the suite takes: `EQUALITY_EXAMPLES=5000 pytest tests/equality/test_random.py`
draws that many new examples, and prints the seed that repeats them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.equality.interferences import CONCURRENT
from tests.equality.lab import Lab
from tests.equality.random_projects import stories
from tests.equality.story import Story

Test = TypeVar("Test", bound=Callable[..., None])
EXAMPLES = os.environ.get("EQUALITY_EXAMPLES")


# Concurrent events do not repeat exactly, so a smaller story would prove nothing.
NOT_SHRUNK = (Phase.explicit, Phase.generate)


def examples(count: int, phases: Sequence[Phase] = tuple(Phase)) -> Callable[[Test], Test]:
    """Draw `count` fixed examples, or as many new ones as EQUALITY_EXAMPLES says."""
    return settings(
        phases=phases,
        max_examples=int(EXAMPLES or count),
        derandomize=not EXAMPLES,
        print_blob=bool(EXAMPLES),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="session")
def started(lab: Lab) -> Path:
    """A project where only `git init` and `dvc init` have been done."""
    return lab.build(Story().case())


@examples(8)
@given(story=stories())
def test_a_random_project_ends_where_dvc_repro_ends(lab: Lab, started: Path, story: Story) -> None:
    check(lab.unlike_from(started, story.case()), story)


@examples(4)
@given(story=stories(jobs=(1,), noisy=True))
def test_with_others_at_work_it_ends_where_dvc_repro_ends(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unlike_from(started, story.case()), story)


@examples(2, NOT_SHRUNK)
@given(story=stories(jobs=(4,), noisy=True, concurrent=CONCURRENT))
def test_changes_by_other_users_during_parallel_runs_are_never_missed_afterwards(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unsettled_from(started, story.case()), story)


def check(found: list[str], story: Story) -> None:
    """Fail with the differences and the story that led to them."""
    if found:
        note("\n".join([repr(story), *found]))
    # Also report here: a story that passes when hypothesis repeats it leaves no note.
    assert not found, "\n".join(["both ended differently: see the story above", *found])
