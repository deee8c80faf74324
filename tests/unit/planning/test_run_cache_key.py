"""The computed run-cache key equals DVC's own keys, in projects that DVC ran."""

import json
from pathlib import Path

import pytest
import yaml

from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.stage_specs import read_specs
from dvc_bridge.metaflow.step_results import save_results
from dvc_bridge.pipeline.lock_entry import LockEntry, lock_pointers
from dvc_bridge.planning.run_cache_key import StageSpec, entry_key, inputs_entry, run_cache_key
from tests.support.commands import dvc

PARAMS = {"size": 3, "rate": 1e-05, "deep": {"size": 1, "nfiles": [2, {"size": 5}]}, "text": "é\n"}
STAGES = {
    "one": {
        "cmd": "mkdir -p d && cp a d/x && cp a d/y",
        "deps": ["a"],
        "params": ["size", "rate", "deep", "text"],
        "outs": ["d"],
    },
    "two": {
        "cmd": ["cat d/x > b", "echo {} > m.json"],
        "deps": ["d/x", "d"],
        "outs": ["b"],
        "metrics": [{"m.json": {"cache": False}}],
    },
    "callback": {"cmd": "echo", "outs": ["never"]},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    dvc(tmp_path, "init", "--no-scm", "--quiet")
    (tmp_path / "a").write_text("a")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    dvc(tmp_path, "repro", "two")
    return tmp_path


def run_keys(root: Path) -> set[str]:
    return {folder.name for folder in (root / ".dvc/cache/runs").glob("*/*")}


def lock_entry(spec: StageSpec) -> LockEntry:
    assert spec["lock"] is not None
    return spec["lock"]


def test_the_key_of_every_lock_entry_is_the_one_under_which_dvc_filed_the_run(
    project: Path,
) -> None:
    locks = [lock_entry(spec) for spec in read_specs(project).stages.values()]
    assert {entry_key(lock) for lock in locks} == run_keys(project)


def test_the_key_is_known_before_the_run_from_cmd_deps_and_params(project: Path) -> None:
    for name, spec in read_specs(project).stages.items():
        lock = lock_entry(spec)
        deps = lock_pointers(lock, "deps")
        key = run_cache_key(inputs_entry(spec["cmd"], deps.items(), spec["params"]), spec["outs"])
        assert key == entry_key(lock), name


def test_a_replaced_params_file_changes_the_params_of_the_stages(project: Path) -> None:
    replaced = read_specs(project, {"params.yaml": json.dumps({**PARAMS, "rate": 0.5})})
    assert replaced.stages["one"]["params"]["params.yaml"]["rate"] == 0.5


def test_a_stage_that_the_run_cache_cannot_hold_is_refused_with_the_reason(project: Path) -> None:
    assert "no deps" in read_specs(project).refused["callback"]


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a DVC project"):
        read_specs(tmp_path)
    dvc(tmp_path, "init", "--no-scm", "--quiet")
    with pytest.raises(UsageError, match=r"dvc\.yaml does not exist"):
        read_specs(tmp_path)


def test_results_saved_from_a_workspace_are_found_by_dvc_repro(
    project: Path, tmp_path: Path
) -> None:
    (project / "a").write_text("changed")
    spec = read_specs(project).stages["one"]
    work = tmp_path / "work"
    (work / "d").mkdir(parents=True)
    (work / "a").write_text("changed")
    (work / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    for name in "xy":
        (work / "d" / name).write_text("changed")
    save_results(work, project / ".dvc/cache", spec)
    assert "is cached - skipping run" in dvc(project, "repro", "one")
