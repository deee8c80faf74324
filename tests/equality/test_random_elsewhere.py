"""Random projects whose stages run in pods, or as a flow, end where sequential `dvc repro` ends.

EQUALITY_EXAMPLES draws more of them, as in test_random.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from tests.equality.lab import Lab
from tests.equality.random_projects import stories
from tests.equality.side import GENERATED, PODS
from tests.equality.story import Story
from tests.equality.test_random import NOT_SHRUNK, check, examples


@pytest.fixture(scope="session")
def pods(lab_folder: Path) -> Iterator[Lab]:
    work = lab_folder / "random-pods"
    work.mkdir()
    with Lab(work, ours=PODS) as lab:
        yield lab


@pytest.fixture(scope="session")
def flows(lab_folder: Path) -> Iterator[Lab]:
    work = lab_folder / "random-flows"
    work.mkdir()
    with Lab(work, ours=GENERATED) as lab:
        yield lab


@pytest.fixture(scope="session")
def started(pods: Lab) -> Path:
    return pods.build(Story(remote=False).case())


@examples(2)
@given(story=stories(elsewhere=True))
def test_a_random_project_in_pods_ends_where_dvc_repro_ends(
    pods: Lab, started: Path, story: Story
) -> None:
    check(pods.unlike_from(started, story.case()), story)


@examples(1, NOT_SHRUNK)
@given(story=stories(elsewhere=True, noisy=True))
def test_edits_while_pods_run_are_never_missed_afterwards(
    pods: Lab, started: Path, story: Story
) -> None:
    check(pods.unsettled_from(started, story.case()), story)


@pytest.mark.full
@examples(1, NOT_SHRUNK)
@given(story=stories(elsewhere=True))
def test_a_random_project_as_a_flow_ends_where_dvc_repro_ends(
    flows: Lab, started: Path, story: Story
) -> None:
    check(flows.unlike_from(started, story.case()), story)
