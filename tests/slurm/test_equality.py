"""Cases of the equality lab, played by `dvc-bridge submit --engine slurm --wait`.

After every step dvc.lock, .gitignore files, workspace, modes, metrics, cache and the stages whose
commands ran are as after sequential `dvc repro`. A job has what `--fuse auto` puts into it;
EQUALITY_FUSE=none plays the cases with a job for every stage. EQUALITY_EXAMPLES draws more random
projects than two. Ten cases are played; `pytest -m "full or not full" tests/slurm` plays all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from tests.equality.lab import Lab
from tests.equality.random_projects import stories
from tests.equality.side import SLURM
from tests.equality.story import Story
from tests.equality.test_pods import PLAYED, QUICK
from tests.equality.test_random import NOT_SHRUNK, check, examples
from tests.equality.workbench import Case
from tests.slurm.conftest import NEEDS_SLURM

pytestmark = NEEDS_SLURM
GIVEN = ("SLURM_CONF", "EQUALITY_FUSE")
ELSEWHERE = {
    "commands in a missing shell": "a job has the shell of the environment of submit",
    "quiet and verbose": "submit refuses these options",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    env = {name: os.environ[name] for name in GIVEN if name in os.environ}
    with Lab(tmp_path_factory.mktemp("lab"), ours=SLURM, env=env) as lab:
        yield lab


@pytest.fixture(scope="module")
def started(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after `git init` and `dvc init`."""
    built = lab.build(Story(remote=False).case())
    return built.rename(tmp_path_factory.mktemp("started") / "project")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case.name in QUICK else pytest.mark.full)
        for case in PLAYED
        if case.name not in ELSEWHERE
    ],
    ids=lambda case: case.name,
)
def test_case_on_slurm_ends_where_dvc_repro_ends(lab: Lab, case: Case) -> None:
    found = lab.unlike(case)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@examples(2, NOT_SHRUNK)
@given(story=stories(elsewhere=True))
def test_a_random_project_on_slurm_ends_where_dvc_repro_ends(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unlike_from(started, story.case()), story)
