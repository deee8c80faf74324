"""`dvc-bridge flow`: its text, its limits, and local runs and runs from a code package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.metaflow.flow_levels import needs_of
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.group_stages import Group
from tests.e2e.test_convert import STAGES
from tests.support.commands import bridge, dvc, git
from tests.support.local_flow import command, environment
from tests.support.paths import GOLDEN as GOLDEN_FOLDER
from tests.support.projects import MakeProject, copy_committed, push_to_remote
from tests.unit.metaflow.test_step_in_pod import pod, started

GOLDEN = GOLDEN_FOLDER / "flow" / "flow.txt"
HERE = ("flow", "-o", "flow.py", "--name", "LabFlow")


@pytest.fixture(scope="session")
def built_project(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built") / "project"
    shutil.copytree(empty_project, root)
    push_to_remote(root, STAGES, {"raw": "raw", "params.yaml": "p: 1"})
    (root / ".gitignore").write_text("/raw\n/.metaflow\n/home\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "all")
    bridge(root, *HERE)
    return root


@pytest.fixture
def project(built_project: Path, tmp_path: Path) -> Path:
    """A committed project whose data is in the remote."""
    return copy_committed(built_project, tmp_path)


def metaflow(folder: Path, *words: str, code: int = 0) -> str:
    printed = started(folder, *words, code=code)
    assert "Traceback" not in printed, printed
    return printed


def pathspec(printed: str) -> str:
    found = re.search(r"run-id (\d+)", printed)
    assert found, printed
    return f"LabFlow/{found[1]}"


def test_equal_stages_give_equal_bytes_wherever_the_project_is(project: Path) -> None:
    text = (project / "flow.py").read_bytes()
    bridge(project, *HERE)
    assert (project / "flow.py").read_bytes() == text
    elsewhere = project.parent / "other name"
    shutil.copytree(project, elsewhere)
    assert "is what dvc.yaml gives" in bridge(elsewhere, "flow", "-o", "flow.py", "--check")
    bridge(elsewhere, *HERE)
    assert (elsewhere / "flow.py").read_bytes() == text


def test_the_text_is_the_golden_one(make_project: MakeProject) -> None:
    wide = {f"w{n}": {"cmd": f"cp a w{n}", "deps": ["a"], "outs": [f"w{n}"]} for n in range(3)}
    each = {f"v{n}": {"cmd": "cat w?", "deps": [*wide], "outs": [f"v{n}"]} for n in range(2)}
    last = {"last": {"cmd": "cat v?", "deps": [*each]}, "after": {"cmd": "true"}}
    asked = "stages: {'w*': {cpu: 2, memory: 4Gi, timeout: 30}, last: {retries: 0}}\n"
    root = make_project(
        {"a": {"cmd": "echo > a", "outs": ["a"]}, **wide, **each, **last},
        {"dvc-bridge.yaml": asked},
    )
    bridge(root, "flow", "-o", "flows/made.py", "--name", "GoldenFlow")
    made = (root / "flows/made.py").read_text()
    assert made == GOLDEN.read_text(), "if that is meant: write it to tests/golden/flow"
    bridge(root, "flow", "-o", "flows/made.py", "--check")


def test_a_run_ends_in_what_dvc_repro_makes_and_the_next_finds_all_of_it_known(
    project: Path,
) -> None:
    other = project.parent / "sequential"
    shutil.copytree(project, other)
    printed = metaflow(project, "run")
    assert "4 ran, 0 from the run cache, 0 unchanged" in printed
    assert not (project / "dvc.lock").exists()
    assert "4 stages of LabFlow/" in bridge(project, "sync", pathspec(printed))
    dvc(other, "repro")
    for name in ("dvc.lock", ".gitignore", "m.json", "joined", "d/x"):
        assert (project / name).read_bytes() == (other / name).read_bytes(), name
    assert "up to date" in dvc(project, "status")

    printed = metaflow(project, "run")
    assert "0 ran, 0 from the run cache, 4 unchanged" in printed
    assert ": running" not in printed
    assert "nothing to do" in bridge(project, "sync", pathspec(printed))
    assert "4 ran" in metaflow(project, "run", "--force")


@pytest.mark.full
def test_what_dvc_repro_made_counts_also_from_another_clone(project: Path) -> None:
    dvc(project, "repro")
    dvc(project, "push", "--run-cache")
    clone = project.parent / "clone"
    subprocess.run(["git", "clone", "--quiet", project, clone], check=True)
    shutil.copy(project / "flow.py", clone)
    dvc(clone, "pull", "--quiet", "raw.dvc")
    printed = metaflow(clone, "run")
    # A stage with an uncached out is not in the run cache, also in DVC.
    assert "1 ran, 3 from the run cache, 0 unchanged" in printed
    bridge(clone, "sync", pathspec(printed))
    assert (clone / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
    assert (clone / "joined").read_bytes() == (project / "joined").read_bytes()


@pytest.mark.full
def test_out_of_a_code_package_it_makes_the_same_and_the_page_shows_it(project: Path) -> None:
    folder = pod(project)
    printed = metaflow(folder, "run")
    assert "4 ran" in printed
    card = folder / "card.html"
    metaflow(folder, "card", "get", "end", str(card))
    assert "m.json" in card.read_text()
    # Pods of --with kubernetes do not have this file: Metaflow writes it only on the client.
    (named,) = folder.glob(".metaflow/LabFlow/*/end/*/_meta/_self.json")
    named.unlink()
    task = "/".join(named.parts[-5:-2])
    metaflow(folder, "card", "create", task, "--type", "dvc_run")
    assert named.exists()
    dvc(project, "fetch", "--run-cache")
    assert dvc(project, "repro", "--pull").count("is cached - skipping run") == 4


@pytest.mark.full
def test_a_failing_command_fails_the_run_once_and_resume_with_fixed_code_does_the_rest(
    project: Path,
) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("cat part-*", "echo no; exit 3; cat part-*"))
    printed = metaflow(project, "run", code=1)
    assert printed.count("join: running") == 1  # although the step has three attempts
    assert "exited with 3" in printed
    assert "failed or is still running" in bridge(project, "sync", pathspec(printed), code=2)
    (project / "dvc.yaml").write_text(text)
    resumed = metaflow(project, "resume")
    assert resumed.count(": running") == 1
    assert "4 ran" in resumed
    assert "4 stages of" in bridge(project, "sync", pathspec(resumed))
    assert "up to date" in dvc(project, "status")


@pytest.mark.full
def test_two_runs_at_once_do_not_disturb_each_other(project: Path) -> None:
    force, own = command("run", "--force"), environment(project)
    runs = [
        subprocess.Popen(force, cwd=project, env=own, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    for text in printed:
        assert "4 ran" in text
        bridge(project, "sync", pathspec(text))
    assert "up to date" in dvc(project, "status")


def test_check_tells_a_stale_flow_and_an_edited_one_which_is_not_written_over(
    project: Path,
) -> None:
    check = ("flow", "-o", "flow.py", "--check")
    flow = project / "flow.py"
    text = flow.read_text()
    flow.write_text(text.replace("minutes_between_retries=0", "minutes_between_retries=1"))
    for words in (check, HERE):
        assert "or was edited afterwards" in bridge(project, *words, code=2)
    assert "minutes_between_retries=1" in flow.read_text()
    flow.write_text(text)
    yaml = project / "dvc.yaml"
    yaml.write_text(json.dumps({"stages": {**STAGES, "more": {"cmd": "echo"}}}))
    said = bridge(project, *check, code=3)
    assert "differs from the flow that dvc.yaml generates now" in said
    assert "fix: dvc-bridge flow --name LabFlow --fuse chains -o flow.py" in said
    printed = metaflow(project, "run", code=1)
    assert "the stages or edges of dvc.yaml differ from those of this flow" in printed
    assert "dvc-bridge flow -o FILE" in printed
    bridge(project, *HERE)
    bridge(project, *check)
    assert "none.py does not exist" in bridge(project, "flow", "-o", "none.py", "--check", code=2)


ODD = ["class", "import", "日本 x", 'a"b', "x" * 200, "1", "end", "-m", "a'''b", "{input}"]


@pytest.mark.full
def test_stage_names_that_no_step_may_have_are_no_matter(make_project: MakeProject) -> None:
    stages: dict[str, Any] = {
        "odd": {"matrix": {"name": ODD}, "cmd": "echo > out-${key}", "outs": ["out-${key}"]},
        "class": {"cmd": "echo > c", "outs": ["c"]},
        "start": {"cmd": "echo > s", "deps": ["c"], "outs": ["s"]},
    }
    stages["odd"]["cmd"] = "echo >> log"
    del stages["odd"]["outs"]
    root = make_project(stages)
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    bridge(root, *HERE)
    printed = metaflow(root, "run")
    assert f"{len(ODD) + 2} ran" in printed


def layers(width: int, depth: int) -> dict[str, Any]:
    """Stages that each read the whole previous layer, so that no stages can share a task."""
    return {
        f"l{n}-{i}": {
            "cmd": f"echo > l{n}-{i}",
            "deps": [f"l{n - 1}-{j}" for j in range(width)] if n else [],
            "outs": [f"l{n}-{i}"],
        }
        for n in range(depth)
        for i in range(width)
    }


@pytest.mark.parametrize(
    ("width", "depth", "fuse"), [(300, 1, "chains"), (1, 100, "none"), (1, 100, "chains")]
)
def test_wide_and_deep_graphs_are_flows_that_metaflow_takes(
    make_project: MakeProject, width: int, depth: int, fuse: str
) -> None:
    root = make_project(layers(width, depth))
    bridge(root, *HERE, "--fuse", fuse)
    assert "The graph looks good!" in metaflow(root, "check")
    raised = "MAX_NUM_SPLITS" in (root / "flow.py").read_text()
    assert raised == (width > 100)


def test_too_deep_a_graph_is_refused_with_the_number(make_project: MakeProject) -> None:
    root = make_project(layers(2, 100))
    said = bridge(root, *HERE, code=2)
    assert re.search(r"100 levels of stages make \d+ steps, but Argo accepts at most \d+", said)
    assert not (root / "flow.py").exists()


def test_a_cycle_a_name_and_a_project_without_commands_are_refused(
    make_project: MakeProject,
) -> None:
    root = make_project({"a": {"cmd": "cp b a", "deps": ["b"], "outs": ["a"]}})
    assert "fix: use --name" in bridge(root, "flow", "--name", "not-a-name", code=2)
    assert "fix: use --name" in bridge(root, "flow", "--name", "None", code=2)
    assert "--check needs the flow's file" in bridge(root, "flow", "--check", code=2)
    both = {
        "a": {"cmd": "cp b a", "deps": ["b"], "outs": ["a"]},
        "b": {"cmd": "cp a b", "deps": ["a"], "outs": ["b"]},
    }
    (root / "dvc.yaml").write_text(json.dumps({"stages": both}))
    assert "wait for each other: a -> b -> a" in bridge(root, *HERE, code=2)
    (root / "dvc.yaml").write_text("stages: {}\n")
    assert "has a command" in bridge(root, *HERE, code=2)


@pytest.mark.full
def test_downstream_stages_run_after_their_inputs_in_any_file_and_order(
    make_project: MakeProject,
) -> None:
    stages = {
        "last": {"cmd": "cat middle > last", "deps": ["middle"], "outs": ["last"]},
        "first": {"cmd": "cat raw > first", "deps": ["raw"], "outs": ["first"]},
    }
    middle = {"cmd": "cat first > middle", "wdir": "..", "deps": ["first"], "outs": ["middle"]}
    files = {"raw": "1", "z/dvc.yaml": json.dumps({"stages": {"middle": middle}})}
    root = make_project(stages, files)
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    dvc(root, "repro", "--quiet")
    (root / "raw").write_text("2")
    dvc(root, "repro", "--quiet", "first")
    bridge(root, *HERE, "--downstream", "z/dvc.yaml:middle")
    bridge(root, "sync", pathspec(metaflow(root, "run")))
    assert (root / "last").read_text() == "2"
    assert "up to date" in dvc(root, "status")


def test_stages_named_before_what_makes_their_deps_are_refused_but_planned(project: Path) -> None:
    backward_stages = ("-s", "join", "part@a")
    said = bridge(project, *HERE, *backward_stages, code=2)
    assert "join comes before part@a, which makes its deps; pods cannot run in this order" in said
    (project / "dvc-bridge.yaml").write_text("argo: {image: 'image:1'}\n")
    assert "pods cannot run in this order" in bridge(
        project, "convert", "--repo", "https://example.org/x", *backward_stages, code=2
    )
    assert "part@a" in bridge(project, "plan", *backward_stages)


def test_what_would_be_code_in_the_text_is_refused(make_project: MakeProject) -> None:
    root = make_project({"a\nimport sys": {"cmd": "echo"}, "b": {"cmd": "echo"}})
    bridge(root, *HERE, "b")
    for words in (["-o", "x.py", "a\nimport sys"], ["-o", 'x"""y.py'], ["-o", "x\ny.py"]):
        assert "a flow cannot contain" in bridge(root, "flow", "--name", "LabFlow", *words, code=2)
    assert {file.name for file in root.glob("*.py")} == {"flow.py"}


@pytest.mark.full
def test_a_flow_of_one_stage_alone_runs_it_on_what_is_there_and_names_what_is_not(
    project: Path,
) -> None:
    bridge(project, *HERE, "-s", "join")
    assert "--fuse chains --single-item join\n" in (project / "flow.py").read_text()
    printed = metaflow(project, "run", code=1)
    assert "join: dependency part-a does not exist; dependency part-ü does not exist" in printed
    dvc(project, "repro", "part@a", "part@ü")
    (project / "params.yaml").write_text("p: 2")  # the upstream stages would run
    printed = metaflow(project, "run")
    assert "join: running" in printed
    assert "1 ran" in printed
    bridge(project, "sync", pathspec(printed))
    assert "join" not in dvc(project, "status")


def test_a_project_without_a_remote_is_refused_when_it_runs(make_project: MakeProject) -> None:
    root = make_project({"a": {"cmd": "echo > a", "outs": ["a"]}})
    bridge(root, *HERE)
    printed = metaflow(root, "run", code=1)
    assert "dvc remote add -d" in printed


def test_a_level_gets_the_most_that_one_of_its_groups_asks_for() -> None:
    def group(positions: tuple[int, ...], **pod: Any) -> Group:
        return Group(TaskNumber(0), tuple(map(StagePosition, positions)), (), Resources(**pod))

    small = group((0,), cpu="500m", memory="1Gi", retries=9)
    large = group((1, 2), cpu="2", memory="500M", gpu=1, timeout=100)
    both = needs_of([small, large])
    assert (both.cpu, both.memory, both.gpu) == (2.0, 1074, 1)
    assert both.retries == 4  # Metaflow's limit
    assert both.timeout is None  # one of them has no time limit
    assert needs_of([large]).timeout == 200
    assert needs_of([group((0,))]).cpu is None


def test_settings_that_steps_cannot_have_one_by_one_are_refused_by_name(project: Path) -> None:
    (project / "dvc-bridge.yaml").write_text("stages: {join: {image: other/image:1}}\n")
    said = bridge(project, *HERE, code=2)
    assert "sets image for some stages" in said
    assert "--with kubernetes:image" in said
