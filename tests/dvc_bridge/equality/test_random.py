"""Random projects, changed at random between runs, end where sequential `dvc repro` ends.

More than the suite takes: `EQUALITY_EXAMPLES=5000 pytest tests/dvc_bridge/equality/test_random.py`
draws that many anew, and prints the seed that repeats them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings

from tests.dvc_bridge.equality.lab import Lab
from tests.dvc_bridge.equality.stories import stories
from tests.dvc_bridge.equality.story import Story

EXAMPLES = os.environ.get("EQUALITY_EXAMPLES")


@pytest.fixture(scope="module")
def started(lab: Lab) -> Path:
    """A project where only `git init` and `dvc init` have been done."""
    return lab.build(Story().case())


@settings(
    max_examples=int(EXAMPLES or 200),
    derandomize=not EXAMPLES,
    print_blob=bool(EXAMPLES),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(story=stories())
def test_a_random_project_ends_where_dvc_repro_ends(lab: Lab, started: Path, story: Story) -> None:
    found = lab.unlike_from(started, story.case())
    if found:
        note("\n".join([repr(story), *found]))
    # Said here too: a story that ends well when it is told again leaves no note.
    assert not found, "\n".join(["both ended differently: see the story above", *found])
