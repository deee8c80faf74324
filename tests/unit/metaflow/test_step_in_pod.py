"""`@dvc_stage` in pods: each step is a process that has only the code package.

The flow runs in a folder like the one that Metaflow creates in a pod; the remote is a folder.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import textwrap
from pathlib import Path

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.package import pack
from tests.support import local_flow
from tests.support.commands import dvc
from tests.unit.metaflow.test_decorator import FLOW, STAGES

MADE = "A\nA\nB\nB\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    dvc(root, "init", "--no-scm", "--quiet")
    (root / "words").write_text("abba\n")
    dvc(root, "add", "--quiet", "words")
    (root / "params.yaml").write_text("sep: 1\n")
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "flow.py").write_text(textwrap.dedent(FLOW))
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(made, root)
    dvc(root, "remote", "add", "--quiet", "-d", "store", str(tmp_path / "remote"))
    return root


def pod(project: Path) -> Path:
    """Pack the project as it is now, and unpack it as Metaflow does."""
    folder = project.parent / "pod"
    shutil.rmtree(folder, ignore_errors=True)
    words = ["--datastore", "s3", "--datastore-root", "s3://nowhere/metaflow"]
    started(project, *words, "--with", "kubernetes", "package", "save", "../package.tgz")
    with tarfile.open(project.parent / "package.tgz") as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _: member)
        archive.extractall(folder)  # noqa: S202
    return folder


def started(folder: Path, *words: str, code: int = 0) -> str:
    return local_flow.started(folder, *words, code=code, PYTHONPATH=str(folder / ".mf_code"))


@pytest.mark.full
def test_what_pods_made_dvc_repro_takes_and_the_other_way_round(project: Path) -> None:
    dvc(project, "push")
    first = started(pod(project), "run")
    assert len(re.findall(r"\b(shout|count@[ab]|join): running", first)) == 4, first
    assert "all: ['A', 'A', 'B', 'B']" in first
    dvc(project, "fetch", "--run-cache")
    assert dvc(project, "repro", "--pull").count("is cached - skipping run") == 4
    assert (project / "all").read_text() == MADE

    # The laptop runs a change and pushes it, so that pods run nothing.
    (project / "words").write_text("abbb\n")
    dvc(project, "commit", "--force", "words.dvc")
    dvc(project, "repro")
    dvc(project, "push", "--run-cache")
    again = started(pod(project), "run")
    assert again.count(": unchanged, its result is in the DVC remote") == 4, again
    assert "all: ['A', 'B', 'B', 'B']" in again


@pytest.mark.full
def test_a_step_in_a_pod_that_fails_says_why_and_a_resumed_run_does_the_rest(project: Path) -> None:
    dvc(project, "push")
    broken = project / "flow.py"
    sound = broken.read_text()
    broken.write_text(sound.replace('self.sh("cat n/a', 'self.sh("test -e n/c && cat n/a'))
    folder = pod(project)
    printed = started(folder, "run", code=1)
    assert "test -e n/c && cat n/a n/b > all" in printed
    (folder / "flow.py").write_text(sound)
    resumed = started(folder, "resume")
    assert "join: running" in resumed
    assert resumed.count(": running") == 1
    assert "all: ['A', 'A', 'B', 'B']" in resumed


def test_data_that_is_not_in_the_remote_is_asked_for_before_anything_is_sent(project: Path) -> None:
    with pytest.raises(UsageError, match=r"words\.dvc") as caught:
        pack(project, project.parent, ask_remote=True)
    assert caught.value.fix == "dvc push words.dvc"
    dvc(project, "push")
    pack(project, project.parent, ask_remote=True)


@pytest.mark.full
def test_in_a_pod_too_a_step_before_the_one_it_reads_from_is_refused(project: Path) -> None:
    dvc(project, "push")
    flow = project / "flow.py"
    text = flow.read_text().replace('@dvc_stage(stage="shout")', "")
    flow.write_text(text.replace('self.sh("tr a-z A-Z < words > loud")', "pass"))
    printed = started(pod(project), "run", code=1)
    assert "depends on shout, which has not run before this step" in printed
