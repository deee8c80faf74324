"""`convert`: the text of the manifest, and its pods, which end like `dvc repro`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import add_remote, bridge, dvc, dvc_status, git
from tests.support.paths import REPOSITORY
from tests.support.projects import CallBridge, MakeProject, copy_committed, push_to_remote

URL = "https://git.example/team/project.git"
STAGES = {
    "prep": {
        "cmd": "mkdir -p d; cp raw d/x; echo '{\"n\": 1}' > m.json",
        "deps": ["raw"],
        "outs": ["d"],
        "metrics": [{"m.json": {"cache": False}}],
    },
    "part": {
        "foreach": ["a", "ü"],
        "do": {
            "cmd": "cat d/x m.json > part-${item}",
            "deps": ["d", "m.json"],
            "params": ["p"],
            "outs": ["part-${item}"],
        },
    },
    "join": {"cmd": "cat part-* > joined", "deps": ["part-a", "part-ü"], "outs": ["joined"]},
}
SETTINGS = "argo: {image: registry.example/image:1}\n"


@pytest.fixture(scope="session")
def built_project(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "project"
    shutil.copytree(empty_project, root)
    files = {"raw": "raw", "params.yaml": "p: 1", "dvc-bridge.yaml": SETTINGS}
    push_to_remote(root, STAGES, files)
    commit(root)
    return root


@pytest.fixture
def project(built_project: Path, tmp_path: Path) -> Path:
    """A committed project with data that DVC tracks, in a folder of its git repository."""
    return copy_committed(built_project, tmp_path)


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "x")
    return git(root, "rev-parse", "HEAD")


def manifest(root: Path, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(bridge(root, "convert", "--repo", URL, *args))
    return found


def play(root: Path, made: dict[str, Any], run: str, folder: Path) -> None:
    """Run the tasks one after the other, with the repository's folder as its URL."""
    dag, pod = made["spec"]["templates"]
    env = {item["name"]: item["value"] for item in pod["container"]["env"]}
    env |= {"DVC_BRIDGE_RUN": run, "DVC_BRIDGE_REPO": str(root), "TMPDIR": str(folder / "tmp")}
    for task in dag["dag"]["tasks"]:
        (word,) = (item["value"] for item in task["arguments"]["parameters"])
        work = folder / task["name"]
        work.mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "dvc_bridge", "worker", word],
            cwd=work,
            env={**os.environ, **env, "PYTHONPATH": str(REPOSITORY)},
            check=True,
        )


def assert_collected_as_dvc(project: Path, run: str, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        git(tmp_path, "clone", "--quiet", str(project), name)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    bridge(ours, "collect", run)
    dvc(theirs, "pull", "--quiet", "raw.dvc")
    dvc(ours, "pull", "--quiet", "raw.dvc")
    dvc(theirs, "repro", "--quiet")
    expected, found = (
        project_state(root, root / ".dvc" / "cache", succeeded=True) for root in (theirs, ours)
    )
    # A clone that collects results has no cache objects of stages that it did not run.
    remaining = [str(d) for d in differences(expected, found) if not str(d).startswith("cache:")]
    assert remaining == []


@pytest.mark.full
def test_its_pods_end_where_dvc_repro_ends_cold_and_after_a_change(
    project: Path, tmp_path: Path
) -> None:
    play(project, manifest(project, "--fuse", "none"), "first", tmp_path / "pods1")
    (tmp_path / "1").mkdir()
    assert_collected_as_dvc(project, "first", tmp_path / "1")
    dvc(project, "repro", "--quiet")  # git tracks the metric now
    (project / "params.yaml").write_text("p: 2")
    commit(project)
    shutil.rmtree(project.parent / "remote" / "files" / "md5")
    dvc(project, "push", "--quiet")
    play(project, manifest(project), "second", tmp_path / "pods2")
    (tmp_path / "2").mkdir()
    assert_collected_as_dvc(project, "second", tmp_path / "2")


def test_a_pod_names_data_that_was_never_pushed(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = manifest(project)
    shutil.rmtree(project.parent / "remote" / "files" / "md5")
    with pytest.raises(subprocess.CalledProcessError):
        play(project, made, "never-pushed", tmp_path / "pods")
    printed = capfd.readouterr().err
    assert "the remote does not have the data of raw.dvc" in printed
    assert "fix: dvc push raw.dvc where the data is" in printed
    collected = bridge(project, "collect", "never-pushed", code=2)
    assert "known runs" not in collected


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")
def test_a_pod_runs_its_stages_in_the_order_of_the_graph_not_of_dvc_yaml(
    make_project: MakeProject, call_bridge: CallBridge, tmp_path: Path
) -> None:
    stages = {  # git tracks the outs of the first stage: the pod starts with an older one
        "last": {"cmd": "cat sub/middle > last", "deps": ["sub/middle"], "outs": ["last"]},
        "first": {"cmd": "cat raw > first", "deps": ["raw"], "outs": [{"first": {"cache": False}}]},
    }
    middle = {"cmd": "cat ../first > middle", "deps": ["../first"], "outs": ["middle"]}
    inner = json.dumps({"stages": {"middle": middle}})
    root = make_project(stages, {"raw": "1", "sub/dvc.yaml": inner, "dvc-bridge.yaml": SETTINGS})
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("[core]\n")
    add_remote(root)
    call_bridge(root, "repro")
    (root / "raw").write_text("2")
    commit(root)
    made = yaml.safe_load(call_bridge(root, "convert", "--repo", URL, "--fuse", "chains"))
    (task,) = made["spec"]["templates"][0]["dag"]["tasks"]
    assert task["arguments"]["parameters"][0]["value"] == "0:0-2"
    play(root, made, "run", tmp_path / "pods")
    call_bridge(root, "collect", "run")
    assert [(root / name).read_text() for name in ("first", "sub/middle", "last")] == ["2"] * 3
    assert dvc_status(root) == {}


def test_text_is_the_same_every_time_and_names_revision_and_stages(project: Path) -> None:
    made = bridge(project, "convert", "--repo", URL, "--kind", "WorkflowTemplate")
    assert made == bridge(project, "convert", "--repo", URL, "--kind", "WorkflowTemplate")
    assert git(project, "rev-parse", "HEAD") in made
    assert URL in made
    bridge(project, "convert", "--repo", URL, "--kind", "WorkflowTemplate", "-o", "../wf.yaml")
    assert (project.parent / "wf.yaml").read_text() == made


def test_a_cron_workflow_has_its_schedule_and_no_other_kind_has(project: Path) -> None:
    cron = manifest(
        project, "--kind", "CronWorkflow", "--schedule", "0 6 * * 1", "--name", "weekly"
    )
    assert cron["spec"]["schedules"] == ["0 6 * * 1"]
    assert cron["metadata"]["name"] == "weekly"
    assert "--schedule is only for" in bridge(project, "convert", "--schedule", "@daily", code=2)
    words = ("convert", "--kind", "CronWorkflow")
    assert "needs a schedule" in bridge(project, *words, code=2)
    printed = bridge(project, *words, "--schedule", "61 * * * *", code=2)
    assert "the minute '61' is not between 0 and 59" in printed
    assert "dvc-bridge.yaml" not in printed
    printed = bridge(project, "convert", "--name", "Big_Run", code=2)
    assert "choose another --name" in printed


def test_what_pods_would_not_see_is_refused_or_reported(project: Path) -> None:
    (project / "params.yaml").write_text("p: 3")
    assert "pods take these files as they are in" in bridge(project, "convert", "--repo", URL)
    (project / "dvc.yaml").write_text((project / "dvc.yaml").read_text() + "# more\n")
    assert "dvc.yaml differ from HEAD" in bridge(project, "convert", "--repo", URL, code=2)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://token@git.example/x.git", "holds credentials"),
        ("https://me:word@git.example/x.git", "holds credentials"),
        ("/srv/x.git", "is not a URL that pods can reach"),
        ("file:///srv/x.git", "is not a URL that pods can reach"),
        ("--upload-pack=touch x", "is not a URL that pods can reach"),
    ],
)
def test_an_address_with_a_secret_or_of_this_machine_is_refused(
    project: Path, url: str, said: str
) -> None:
    text = bridge(project, "convert", f"--repo={url}", code=2)
    assert said in text
    assert "word" not in text


def test_a_pod_refuses_a_revision_with_other_stages(project: Path, tmp_path: Path) -> None:
    made = manifest(project)
    text = (project / "dvc.yaml").read_text().replace('["a", ', '["b", ')
    (project / "dvc.yaml").write_text(text)
    later = commit(project)
    for item in made["spec"]["templates"][1]["container"]["env"]:
        if item["name"] == "DVC_BRIDGE_REVISION":
            item["value"] = later
    with pytest.raises(subprocess.CalledProcessError) as raised:
        play(project, made, "run", tmp_path / "pods")
    assert raised.value.returncode == 4


def test_check_compares_a_committed_manifest_with_the_revision_that_it_names(
    project: Path,
) -> None:
    options = ("convert", "--repo", URL, "--output", "argo.yaml")
    bridge(project, *options)
    commit(project)
    bridge(project, *options, "--check")
    (project / "dvc-bridge.yaml").write_text(SETTINGS.replace("image:1", "image:2"))
    printed = bridge(project, *options, "--check", code=3)
    assert "argo.yaml has drifted: dvc-bridge.yaml differ from" in printed
    bridge(project, "convert", "--check", code=2)
