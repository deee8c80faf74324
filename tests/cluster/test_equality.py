"""Cases of the equality lab, played by `dvc-bridge submit --wait` as pods of a real cluster.

After every step dvc.lock, .gitignore files, workspace, modes, metrics, cache and the stages whose
commands ran are as after sequential `dvc repro`. Where files are edited while pods run, the end is
compared, after one more run without edits. Needs what test_submit.py needs. A pod holds
what `--fuse auto` puts into it; EQUALITY_FUSE=none plays the cases with a pod for every stage.
EQUALITY_EXAMPLES draws more random projects than two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from tests.cluster.conftest import KEYS, TOOLS, settings
from tests.cluster.moments import NAMES, TOOL
from tests.cluster.submitted import NAME
from tests.cluster.test_submit import NEEDED
from tests.equality.lab import Lab
from tests.equality.random_projects import stories
from tests.equality.story import Out, Project, Run, Stage, Story
from tests.equality.test_pods import PLAYED
from tests.equality.test_random import NOT_SHRUNK, check, examples
from tests.equality.workbench import Case, Step, Workbench

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
ELSEWHERE = {
    "commands in a missing shell": "a pod has a shell of its own",
    "quiet and verbose": "submit refuses these options",
}
GIVEN = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "EQUALITY_FUSE", *KEYS)
POD_PER_STAGE = {"EQUALITY_FUSE": "none"}


def _backwards(raw: str) -> Project:
    """Return stages in three files, each before its inputs; git and DVC track the files between."""
    stages = (
        Stage("s4", "", ("shared/o3",), (), (Out("o4", "metric"),)),
        Stage("s3", "sub", ("o1", "deep/er/o2"), (), (Out("shared/o3", "folder"),)),
        Stage("s2", "a/deep", ("o0",), ("p0",), (Out("deep/er/o2", "exec"),)),
        Stage("s1", "sub", ("o0",), (), (Out("o1", "uncached"),)),
        Stage("s0", "", ("raw0",), (), (Out("o0", "uncached"),)),
    )
    return Project(stages, (("raw0", raw),), (("p0", 0),))


BACKWARDS = Story(
    (
        Run(_backwards("0\n"), ("-P",)),
        Run(_backwards("1\n"), ("-P",)),
        Run(_backwards("2\n"), ("sub/dvc.yaml:s3",)),
    ),
    handed_over=True,
    remote=False,
)
CHAIN = """\
stages:
  use:
    cmd: ran use; cat made > used; during use.end
    deps: [made]
    outs: [used]
  make:
    cmd: ran make; { cat raw; grep ^p params.yaml; } > made; during make.end
    deps: [raw]
    params: [p]
    outs: [made]
"""
# A moment, the edit at that moment, and the message of submit.
EDITS = {
    "a dep, at the start": ("make.start", "echo during >> raw", "make: its result is merged"),
    "a dep, at the end": ("use.end", "echo during >> raw", "make: its result is merged"),
    "a param": ("make.start", "echo 'p: 2' > params.yaml", "make: its result is merged"),
    "an out": ("use.start", "echo during >> made", ""),
    "dvc.yaml": ("use.start", "sed -i 's/cat made/& made/' dvc.yaml", "use: its result is left"),
}


@pytest.fixture(scope="module")
def lab(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    env = {key: os.environ[key] for key in GIVEN if key in os.environ}
    work = tmp_path_factory.mktemp("lab")
    with Lab(work, ours=NAME, env={**env, "LAB_BUCKET": bucket}) as lab:
        yield lab


@pytest.fixture(scope="module")
def started(lab: Lab, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after `git init` and `dvc init`, with the settings that pods need."""
    built = lab.build(_furnished(Story(remote=False).case(), bucket))
    return built.rename(tmp_path_factory.mktemp("started") / "project")


@pytest.mark.parametrize(
    "case",
    [case for case in PLAYED if case.name not in ELSEWHERE],
    ids=lambda case: case.name,
)
def test_case_on_a_cluster_ends_where_dvc_repro_ends(lab: Lab, bucket: str, case: Case) -> None:
    found = lab.unlike(_furnished(case, bucket))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("fuse", ["auto", "chains", "none"])
def test_stages_listed_before_their_inputs_end_where_dvc_repro_ends(
    lab: Lab, started: Path, fuse: str
) -> None:
    case = replace(BACKWARDS.case(), env={"EQUALITY_FUSE": fuse})
    found = lab.unlike_from(started, case)
    assert not found, "\n".join(found)


@examples(2, NOT_SHRUNK)
@given(story=stories(elsewhere=True))
def test_a_random_project_on_a_cluster_ends_where_dvc_repro_ends(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unlike_from(started, story.case()), story)


@pytest.mark.parametrize(("moment", "line", "said"), EDITS.values(), ids=EDITS)
def test_an_edit_while_pods_run_is_reported_and_never_missed_afterwards(
    lab: Lab, bucket: str, moment: str, line: str, said: str
) -> None:
    def edited(bench: Workbench) -> None:
        bench.write({"raw": "raw 2\n"})
        bench.interfere({moment: line})

    steps = (Step("cold"), Step("edited meanwhile", edited, says=said))
    case = Case("edits", _chain, steps, env=POD_PER_STAGE, looks=True)
    case = _furnished(case, bucket)
    found = lab.unsettled_from(lab.build(case), case)
    assert not found, "\n".join(found)


@examples(2, NOT_SHRUNK)
@given(story=stories(elsewhere=True, noisy=True))
def test_random_edits_while_pods_run_are_never_missed_afterwards(
    lab: Lab, started: Path, story: Story
) -> None:
    check(lab.unsettled_from(started, story.case()), story)


def _chain(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": CHAIN, "raw": "raw\n", "params.yaml": "p: 1\n"})


def _furnished(case: Case, bucket: str) -> Case:
    """Return the case with the settings and the tools of pods on both sides."""

    def build(bench: Workbench) -> None:
        case.build(bench)
        for marker in (".dvc", ".git"):
            for found in bench.root.rglob(marker):
                _write_tools(found.parent / TOOLS)
                if marker == ".dvc":
                    (found.parent / "dvc-bridge.yaml").write_text(settings(bucket))

    return replace(case, build=build)


def _write_tools(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(TOOL)
        (folder / name).chmod(0o755)
