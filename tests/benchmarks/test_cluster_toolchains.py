"""What toolchains for clusters render; no cluster is needed."""

from __future__ import annotations

import datetime
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from benchmarks.comparison import work
from benchmarks.comparison.__main__ import _describe_session, name_candidates
from benchmarks.comparison.cluster import describe_clusters, write_cluster_project
from benchmarks.comparison.cluster_workloads import list_cluster_workloads
from benchmarks.comparison.graphs import Parents, chain, fan, graph_of, tree
from benchmarks.comparison.session import Options
from benchmarks.comparison.toolchain import load_toolchains
from benchmarks.comparison.workload import Workload
from benchmarks.comparison.workloads import list_workloads

TOOLCHAINS = load_toolchains()
SMALL = Workload("chain", "", graph_of(chain(2), "spin", 0))
DIAMOND = graph_of(fan(2, 1), "spin", 0)  # t0x0 and t0x1, then last
CONFIG = "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/folder\n"
SETTINGS = "image: pipeline:1\nsecrets: keys\nargo: {namespace: team, parallelism: 3}\n"
# Counts the submitted jobs, and records what each of them waits for and runs.
SBATCH = """\
#!/bin/sh
echo "$*" >>jobs
wc -l <jobs
"""
SQUEUE = '#!/bin/sh\ncase "$*" in *--states=all*) echo "$STATE" ;; esac\n'


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the settings of a cluster that all variables name."""
    folder = tmp_path / "settings"
    (folder / ".dvc").mkdir(parents=True)
    (folder / "dvc-bridge.yaml").write_text(SETTINGS)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    subprocess.run(["git", "remote", "add", "origin", "git://server/x"], cwd=folder, check=True)
    (folder / ".dvc" / "config").write_text(CONFIG)
    (folder / ".dvc" / "config.local").write_text("['remote \"store\"']\n    user = me\n")
    for variable in {toolchain.cluster for toolchain in TOOLCHAINS.values()} - {""}:
        monkeypatch.setenv(variable, str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_each_project_has_a_folder_of_its_own_in_the_remote(settings: Path, tmp_path: Path) -> None:
    urls = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_cluster_project(DIAMOND, tmp_path / name, "COMPARISON_SLURM")
        text = (tmp_path / name / ".dvc" / "config").read_text()
        urls |= set(re.findall(r"url = (s3://bucket/folder/\w+)\n", text))
        for copied in ("dvc-bridge.yaml", ".dvc/config.local"):
            assert (tmp_path / name / copied).read_text() == (settings / copied).read_text()
    assert len(urls) == 2


def test_a_cluster_is_described_by_a_file_in_its_folder(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPARISON_SLURM")
    variables = ["COMPARISON_ARGO", "COMPARISON_SLURM"]
    assert describe_clusters(variables) == {"COMPARISON_ARGO": "about.txt is missing"}
    (settings / "about.txt").write_text("one node,\nArgo 4.1\n")
    assert describe_clusters(variables) == {"COMPARISON_ARGO": "one node, Argo 4.1"}


@pytest.mark.usefixtures("settings")
def test_klej_gets_a_profile_for_each_stage(project: Path) -> None:
    TOOLCHAINS["klej"].write(DIAMOND, project, 2)
    document = yaml.safe_load((project / "klej.yaml").read_text())
    assert set(document["stages"]) == {"t0x0", "t0x1", "last"}
    assert {*document["stages"].values(), document["commit"]} == set(document["profiles"])


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(("state", "code"), [("COMPLETED", 0), ("FAILED", 1)])
def test_jobs_by_hand_wait_for_those_upstream_and_the_last_one_decides(
    state: str, code: int, project: Path
) -> None:
    TOOLCHAINS["slurm_by_hand"].write(DIAMOND, project, 2)
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE)):
        (project / name).write_text(text)
        (project / name).chmod(0o755)
    done = subprocess.run(
        ["sh", "submit.sh"],
        cwd=project,
        env={"PATH": f"{project}:/usr/bin:/bin", "STATE": state},
        check=False,
    )
    jobs = (project / "jobs").read_text().splitlines()
    assert [re.findall(r"afterok:(\S+)", job) for job in jobs] == [[], [], ["1:2"], ["1:2:3"]]
    assert jobs[2].endswith("work.py spin 0 last.out t0x0.out t0x1.out")
    assert jobs[3].endswith("dvc commit --force")
    assert done.returncode == code


@pytest.mark.usefixtures("settings")
def test_pods_by_hand_wait_for_those_upstream_with_the_settings_of_dvc_bridge(
    project: Path,
) -> None:
    TOOLCHAINS["argo_by_hand"].write(DIAMOND, project, 2)
    spec = json.loads((project / "workflow.json").read_text())["spec"]
    graph, stage = spec["templates"]
    after = {task["name"]: task["dependencies"] for task in graph["dag"]["tasks"]}
    assert after == {"t0x0": [], "t0x1": [], "last": ["t0x0", "t0x1"]}
    (container, script) = stage["container"], stage["container"]["command"][-1]
    assert (container["image"], spec["parallelism"]) == ("pipeline:1", 3)
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert "git clone --quiet --depth 1 --branch comparison git://server/x" in script
    assert "dvc repro --pull {{inputs.parameters.stage}}" in script
    commands = [" ".join(argv) for argv in TOOLCHAINS["argo_by_hand"].commands(DIAMOND, 2)]
    assert [line for line in commands if "submit --wait --namespace team workflow.json" in line]


@pytest.mark.parametrize(
    "name", [name for name, toolchain in TOOLCHAINS.items() if toolchain.cluster.endswith("TUNED")]
)
def test_a_tuned_toolchain_is_the_same_on_another_cluster(
    name: str, settings: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPARISON_ARGO")
    tuned, plain = TOOLCHAINS[name], TOOLCHAINS[name.removesuffix("_tuned")]
    (settings / "config_cluster.json").write_text('{"METAFLOW_KUBERNETES_NAMESPACE": "team"}')
    tuned.write(DIAMOND, project, 2)
    commands = tuned.commands(DIAMOND, 2)
    monkeypatch.setenv("COMPARISON_ARGO", str(settings))
    assert commands == plain.commands(DIAMOND, 2)
    assert (tuned.title, tuned.unit, tuned.skips) == (
        f"{plain.title}, tuned",
        plain.unit,
        plain.skips,
    )


@pytest.mark.parametrize("name", ["metaflow_kubernetes", "metaflow_argo"])
@pytest.mark.usefixtures("settings")
def test_a_flow_in_pods_writes_what_its_task_reads_and_keeps_what_it_writes(
    name: str, settings: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings / "config_cluster.json").write_text("{}")
    TOOLCHAINS[name].write(DIAMOND, project, 2)
    shutil.copyfile(work.__file__, project / "work.py")
    (project / "source.txt").write_text("source")
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    flow = runpy.run_path("flow.py")
    tasks = json.loads(re.findall(r"self.tasks = (.*)", Path("flow.py").read_text())[0])
    artifacts = SimpleNamespace()
    for task in tasks:
        flow["run_task"](artifacts, task)
        Path(*task["outs"].values()).unlink()  # the next pod does not have it
    (last,) = re.findall(r"def end\(self\):\s+run_task\(self, (.*)\)", Path("flow.py").read_text())
    flow["run_task"](artifacts, json.loads(last))
    names = json.loads(Path("artifacts.json").read_text())
    assert set(names) == set(DIAMOND.writer_by_out)
    assert getattr(artifacts, names["last.out"]) == Path("last.out").read_bytes()
    assert Path(".metaflow-home/config_cluster.json").exists()


@pytest.mark.parametrize(
    ("parents", "steps"),
    [
        (chain(1), ["start", "end"]),
        (chain(3), ["start", "level1", "end"]),
        (fan(2, 2), ["start", "level0", "join0", "split0", "level1", "join1", "end"]),
        (tree(2), ["start", "level1", "join1", "end"]),
    ],
)
def test_a_flow_has_no_steps_that_metaflow_does_not_need(
    parents: Parents, steps: list[str], project: Path
) -> None:
    TOOLCHAINS["metaflow"].write(graph_of(parents, "spin", 0), project, 2)
    assert re.findall(r"    def (\w+)\(self", (project / "flow.py").read_text()) == steps


@pytest.mark.parametrize(
    "name", ["klej", "metaflow_kubernetes", "metaflow_argo", "metaflow_argo_tuned"]
)
def test_a_toolchain_that_cannot_run_the_pipeline_refuses_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOOLCHAINS[name].cluster, raising=False)
    pipelines = [workload for workload in list_workloads() if workload.is_pipeline]
    assert pipelines
    assert all(map(TOOLCHAINS[name].refusal, pipelines))
    assert not TOOLCHAINS[name].refusal(SMALL)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("metaflow_kubernetes", "config_cluster.json"),
        ("metaflow_argo", "config_cluster.json"),
        ("metaflow_generated_kubernetes", "config_cluster.json"),
        ("argo_by_hand", ".git/config"),
    ],
)
def test_a_toolchain_refuses_a_cluster_whose_folder_lacks_its_file(
    name: str, file: str, settings: Path
) -> None:
    (settings / file).unlink(missing_ok=True)
    assert file in TOOLCHAINS[name].refusal(SMALL)
    (settings / file).write_text("{}")
    assert not TOOLCHAINS[name].refusal(SMALL)


def test_a_flow_with_too_many_steps_for_argo_is_refused() -> None:
    assert "too large" in TOOLCHAINS["metaflow_argo"].refusal(
        Workload("chain", "", graph_of(chain(51), "spin", 0))
    )


def test_workloads_for_clusters_are_some_of_all_with_more_time() -> None:
    limits = {workload.name: workload.limit_s for workload in list_workloads()}
    found = list_cluster_workloads()
    assert {"fan-out-1", "fan-out-10", "resume", "move-50-mb"} <= {w.name for w in found}
    assert all(workload.limit_s > limits[workload.name] for workload in found)
    assert {name for w in found for name in w.smaller} <= {w.name for w in found}


def test_a_session_on_clusters_compares_with_local_runs() -> None:
    names = name_candidates(TOOLCHAINS, wants_cluster=True)
    assert {name for name in names if not TOOLCHAINS[name].cluster} == {
        "plain_python",
        "dvc_repro",
        "dvc_bridge_repro",
    }
    assert {name for name in TOOLCHAINS if TOOLCHAINS[name].cluster} <= set(names)
    assert name_candidates(TOOLCHAINS, wants_cluster=False) == list(TOOLCHAINS)


def test_a_session_without_a_cluster_knows_all_toolchains(monkeypatch: pytest.MonkeyPatch) -> None:
    for toolchain in TOOLCHAINS.values():
        monkeypatch.delenv(toolchain.cluster or "COMPARISON_ARGO", raising=False)
    now = datetime.datetime.now(datetime.UTC)
    session = _describe_session(Options(), TOOLCHAINS, list_workloads(), now)
    assert session["toolchains"].keys() == TOOLCHAINS.keys()
