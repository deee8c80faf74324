"""What toolchains for clusters render; no cluster is needed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.comparison.cluster import write_cluster_project
from benchmarks.comparison.graphs import chain, fan, graph_of
from benchmarks.comparison.toolchain import load_toolchains
from benchmarks.comparison.workloads import Workload, list_workloads

TOOLCHAINS = load_toolchains()
DIAMOND = graph_of(fan(2, 1), "spin", 0)  # t0x0 and t0x1, then last
CONFIG = "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://bucket/folder\n"
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
    (folder / "dvc-bridge.yaml").write_text("engine: slurm\n")
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


@pytest.mark.parametrize("name", ["klej"])
def test_a_toolchain_without_the_packages_of_the_pipeline_refuses_it(name: str) -> None:
    (pipeline,) = [workload for workload in list_workloads() if workload.is_pipeline]
    assert TOOLCHAINS[name].refusal(pipeline)
    assert not TOOLCHAINS[name].refusal(Workload("chain", "", graph_of(chain(2), "spin", 0)))
