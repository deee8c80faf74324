"""The data of a remote run in the remote: what retry uses, and what gc removes.

Pods are processes (tests/support/play_in_workers.py), the remote is a folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.app.collect import merge_stored
from dvc_bridge.app.context import RunContext
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber
from dvc_bridge.remote_run.resume import unfinished_tasks, upstream_tasks
from tests.support.commands import add_remote, bridge, dvc, git, play
from tests.support.projects import MakeProject

CHAIN: dict[str, dict[str, object]] = {
    "one": {"cmd": "mkdir -p d; cat a > d/x", "deps": ["a"], "outs": ["d"]},
    "two": {"cmd": "cat d/x d/x > two", "deps": ["d"], "outs": ["two"]},
    "aside": {"cmd": "cat a > aside", "deps": ["a"], "outs": [{"aside": {"push": False}}]},
}


@pytest.fixture
def ran(make_project: MakeProject) -> Path:
    """A project whose stages have run in pods."""
    root = make_project(CHAIN, {"a": "1"})
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    play(root)
    return root


def edited_meanwhile(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, edit: str) -> Path:
    """A project whose dvc.yaml is edited while the first stage runs."""
    first = {**CHAIN["one"], "cmd": f"{CHAIN['one']['cmd']}; {edit}"}
    root = make_project({**CHAIN, "one": first}, {"a": "1"})
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    monkeypatch.setenv("DVC_YAML", str(root / "dvc.yaml"))
    return root


def test_results_of_stages_that_dvc_yaml_no_longer_has_when_the_run_ends_are_left_out(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = edited_meanwhile(make_project, monkeypatch, "sed -i s/t[w]o/three/ $DVC_YAML")
    play(root)
    assert set(yaml.safe_load((root / "dvc.lock").read_text())["stages"]) == {"one", "aside"}


def test_a_dvc_yaml_that_cannot_be_read_when_the_run_ends_is_refused_and_collect_goes_on(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = edited_meanwhile(make_project, monkeypatch, "echo '[' >> $DVC_YAML")
    text = (root / "dvc.yaml").read_text()
    printed = play(root, code=2)
    (run,) = (path.name for path in (bridge_folder(root) / "runs").iterdir())
    assert f"nothing of run {run} is merged: " in printed
    assert f"then dvc-bridge collect {run}" in printed
    (root / "dvc.yaml").write_text(text)
    assert "3 ran" in bridge(root, "collect", run)


def test_workers_read_files_outside_the_project_from_the_snapshot(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: dict[str, dict[str, object]] = {
        "first": {"cmd": "rm $SHARED; echo 1 > first", "outs": ["first"]},
        "reads": {
            "cmd": "cat ../shared first > reads",
            "deps": ["../shared", "first"],
            "params": [{"../params.yaml": ["p"]}],
            "outs": ["reads"],
        },
    }
    repository = make_project({}, {})
    root = repository / "project"
    root.mkdir()
    (repository / ".dvc").rename(root / ".dvc")
    git(repository, "init", "--quiet")
    dvc(root, "config", "core.no_scm", "false")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (repository / "params.yaml").write_text("p: 1\n")
    shared = repository / "shared"
    shared.write_text("shared\n")
    dvc(root, "remote", "add", "-d", "store", str(repository.parent / "remote"))
    monkeypatch.setenv("SHARED", str(shared))
    play(root)
    assert not shared.exists()
    assert (root / "reads").read_text() == "shared\n1\n"


def bridge_folder(root: Path) -> Path:
    return root.parent / "remote" / "bridge"


def undone_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[TaskNumber]:
    monkeypatch.chdir(root)
    (run,) = (path.name for path in (bridge_folder(root) / "runs").iterdir())
    with RunContext(warn=print) as context:
        store, objects = context.store(run)
        plan = store.plan()
        assert plan is not None
        assert upstream_tasks(plan) == [[], [0], []]
        return unfinished_tasks(plan, store, objects)


def test_a_group_is_undone_where_its_result_or_an_object_of_its_outs_is_gone(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert undone_of(ran, monkeypatch) == []
    (scratch,) = (path for path in bridge_folder(ran).glob("runs/*/objects/*/*"))
    scratch.unlink()
    assert undone_of(ran, monkeypatch) == [2]
    for result in bridge_folder(ran).glob("runs/*/stages/*.json"):
        if json.loads(result.read_text())["address"] == "two":
            result.unlink()
    assert undone_of(ran, monkeypatch) == [1, 2]


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_folder_with_a_lost_or_damaged_file_fails_its_reader_and_the_next_run_makes_it_again(
    ran: Path, harm: str
) -> None:
    lock = yaml.safe_load((ran / "dvc.lock").read_text())
    md5 = hashlib.md5(b"1", usedforsecurity=False).hexdigest()
    file = ran.parent / "remote" / "files" / "md5" / md5[:2] / md5[2:]
    file.chmod(0o644)
    file.write_text("2")
    if harm == "lost":
        file.unlink()
    for path in (ran / ".dvc/cache", ran / "d"):
        shutil.rmtree(path)
    (ran / "dvc.yaml").write_text((ran / "dvc.yaml").read_text().replace("> two", "> two; true"))
    assert f"one: object {md5} of remote store: it" in play(ran, code=3)
    play(ran)
    made = yaml.safe_load((ran / "dvc.lock").read_text())
    assert made["stages"]["one"] == lock["stages"]["one"]
    assert made["stages"]["two"]["outs"] == lock["stages"]["two"]["outs"]
    assert (ran / "d" / "x").read_text() == "1"


def test_collect_asks_once_for_the_plan_and_for_all_outs_of_a_remote(
    ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (ran / "dvc.lock").read_text()
    shutil.rmtree(ran / ".dvc" / "cache")
    shutil.rmtree(ran / "d")
    for name in ("dvc.lock", "two", "aside"):
        (ran / name).unlink()
    asked: list[str] = []
    fetch, get = Remote.fetch, Remote.get

    def fetching(remote: Remote, md5s: Iterable[str], into: Any = None) -> None:
        asked.append("outs")
        fetch(remote, md5s, into)

    def getting(remote: Remote, path: str, *span: int) -> bytes | None:
        asked.append(path.rpartition("/")[2])
        return get(remote, path, *span)

    monkeypatch.setattr(Remote, "fetch", fetching)
    monkeypatch.setattr(Remote, "get", getting)
    monkeypatch.chdir(ran)
    (run,) = (path.name for path in (bridge_folder(ran) / "runs").iterdir())
    with RunContext(warn=print) as context:
        merge_stored(context, run, checkout=True)
    assert asked.count("plan.json") == 1
    assert asked.count("outs") == 2  # "aside" is in the run's own folder, not in the remote
    assert (ran / "dvc.lock").read_text() == lock
    assert [(ran / name).read_text() for name in ("d/x", "two", "aside")] == ["1", "11", "1"]


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_collect_names_the_stage_whose_object_is_lost_among_all_that_it_fetches(
    ran: Path, harm: str
) -> None:
    shutil.rmtree(ran / ".dvc" / "cache")
    md5 = yaml.safe_load((ran / "dvc.lock").read_text())["stages"]["two"]["outs"][0]["md5"]
    file = ran.parent / "remote" / "files" / "md5" / md5[:2] / md5[2:]
    file.chmod(0o644)
    file.write_text("2")
    if harm == "lost":
        file.unlink()
    (run,) = (path.name for path in (bridge_folder(ran) / "runs").iterdir())
    assert f"two: object {md5} of remote store: it" in bridge(ran, "collect", run, code=3)


def test_a_lost_folder_is_found_among_files_that_are_no_listings(make_project: MakeProject) -> None:
    stages = {
        "file": {"cmd": "echo no listing > file", "outs": ["file"]},
        "folder": {"cmd": "mkdir -p folder; echo > folder/x", "outs": ["folder"]},
    }
    root = make_project(stages)
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    play(root)
    shutil.rmtree(root / ".dvc" / "cache")
    md5 = yaml.safe_load((root / "dvc.lock").read_text())["stages"]["folder"]["outs"][0]["md5"]
    (root.parent / "remote" / "files" / "md5" / md5[:2] / md5[2:]).unlink()
    (run,) = (path.name for path in (bridge_folder(root) / "runs").iterdir())
    assert f"folder: object {md5} of remote store: it" in bridge(root, "collect", run, code=3)


def test_the_plan_of_a_pod_has_its_stages_in_the_order_of_the_graph(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = {  # in dvc.yaml, the last stage is first
        "last": {"cmd": "cat middle > last", "deps": ["middle"], "outs": ["last"]},
        "middle": {"cmd": "cat first > middle", "deps": ["first"], "outs": ["middle"]},
        "first": {"cmd": "cat raw > first", "deps": ["raw"], "outs": ["first"]},
    }
    root = make_project(chain, {"raw": "1"})
    add_remote(root)
    monkeypatch.chdir(root)
    positions = [StagePosition(i) for i in range(3)]
    with RunContext(engine="processes", warn=print) as context:
        context.upload(context.settle(), [positions], [1], "run")
        plan = context.store("run")[0].plan()
    assert plan is not None
    tasks = [task.stage.address for entry in plan for task in entry.tasks]
    assert tasks == ["first", "middle", "last"]


def test_gc_removes_runs_with_their_scratch_objects_and_snapshots_but_no_object_of_dvc(
    ran: Path,
) -> None:
    objects = set(ran.parent.glob("remote/files/md5/*/*"))
    assert "nothing in remote store is older than 7 days" in bridge(ran, "gc")
    assert "would remove run r" in bridge(ran, "gc", "--days", "0", "--dry")
    assert list(bridge_folder(ran).glob("runs/*/plan.json"))
    assert "removed snapshot" in bridge(ran, "gc", "--days", "0")
    assert [p for p in bridge_folder(ran).rglob("*") if p.is_file()] == [
        bridge_folder(ran) / "durations.json"
    ]
    assert set(ran.parent.glob("remote/files/md5/*/*")) == objects


def test_gc_refuses_a_run_that_is_not_there(ran: Path) -> None:
    assert "run nope is not in remote store" in bridge(ran, "gc", "nope", code=2)


def test_how_long_stages_took_is_known_to_other_clones_by_the_remote(ran: Path) -> None:
    durations = json.loads((bridge_folder(ran) / "durations.json").read_text())
    assert set(durations) == {"one", "two", "aside"}
    assert all(0 < seconds < 60 for seconds in durations.values())
