"""Runs with more pods than one Workflow should hold: their parts and the order of the parts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dvc_bridge.engines.argo import workflow_split
from dvc_bridge.engines.argo.lint import problems
from dvc_bridge.engines.argo.manifest import ManifestKind, awaited_tasks, size, text
from dvc_bridge.engines.argo.resume import unfinished_manifest
from dvc_bridge.engines.argo.schema import validate
from dvc_bridge.engines.argo.status import RUN_LABEL, merge_workflows, workflow_of
from dvc_bridge.engines.argo.workflow_split import split_workflow
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.planning.grouping.group_stages import Costs, group_stages, predicted_wall_s
from dvc_bridge.planning.grouping.split import cut
from tests.unit.engines.argo.test_manifest import (
    CRON,
    GIT,
    GOLDEN,
    PLAIN,
    RUN,
    make_node,
    rendered,
    spec_of,
    tasks_of,
)

RUN_OF_PARTS = replace(RUN, labels={RUN_LABEL: RUN.name})
TEMPLATE = replace(GIT, kind=ManifestKind.TEMPLATE)
GOLDENS = {"parts": RUN_OF_PARTS, "parts-of-a-template": TEMPLATE}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_split, "MOST_PODS", 2)


@given(
    st.lists(st.sets(st.integers(0, 30), max_size=4), max_size=40),
    st.integers(1, 9),
)
def test_a_part_needs_only_itself_and_those_before_and_all_have_about_equal_size(
    raw: list[set[int]], most: int
) -> None:
    waits = [{other for other in before if other < pod} for pod, before in enumerate(raw)]
    found = cut(waits, most)
    assert sorted(pod for part in found for pod in part) == list(range(len(waits)))
    done: set[int] = set()
    for part in found:
        done |= set(part)
        assert all(waits[pod] <= done for pod in part)
    sizes = [len(part) for part in found]
    assert max(sizes, default=0) <= most
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def test_layers_stay_together() -> None:
    chains = [[] if pod % 3 == 0 else [pod - 1] for pod in range(9)]
    assert cut(chains, 3) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


@pytest.mark.parametrize("name", GOLDENS)
def test_the_parts_are_the_golden_ones(name: str, few: None) -> None:
    """`GOLDEN=write pytest tests/unit/engines/argo/test_workflow_split.py` writes new ones."""
    found, path = split_workflow(rendered(GOLDENS[name])), GOLDEN / f"{name}.yaml"
    written = "---\n".join(map(text, found))
    if os.environ.get("GOLDEN") == "write":
        path.write_text(written)
    assert written == path.read_text()
    for part in found:
        assert problems(part) == []
        validate(part)


@pytest.mark.parametrize("name", GOLDENS)
def test_argo_finds_nothing_wrong_with_the_parts(name: str) -> None:
    argo = shutil.which("argo")
    if not argo:
        pytest.skip("argo is not on PATH")
    call = [argo, "lint", "--offline", "--no-color", str(GOLDEN / f"{name}.yaml")]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_manifest_that_fits_stays_one_unchanged_workflow() -> None:
    assert split_workflow(rendered()) == [rendered()]


def next_of(part: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a part's last task, and the Workflow that it creates."""
    template = spec_of(part)["templates"][-1]
    return tasks_of(part)[-1], yaml.safe_load(template["resource"]["manifest"])


def test_the_last_task_waits_for_the_end_of_all_others_good_or_bad_and_makes_the_next_workflow(
    few: None,
) -> None:
    first, second, third = split_workflow(rendered(RUN_OF_PARTS))
    # g1 needs g0, and a mutex orders g2 after g1: g0 g1, g2 g3, g4 g5 in order of their layers.
    assert [[t["name"] for t in tasks_of(p)] for p in (first, second, third)] == [
        ["g0", "g1", "next2"],
        ["g2", "g3", "next3"],
        ["g4", "g5"],
    ]
    task, made = next_of(first)
    assert task["depends"] == "!g1.Skipped"
    assert made["metadata"] == {"name": f"{RUN.name}-2", "labels": {RUN_LABEL: RUN.name}}
    assert made["spec"] == {"workflowTemplateRef": {"name": second["metadata"]["name"]}}
    # The Workflow fails with its pods although the task after them succeeds.
    assert spec_of(first)["templates"][0]["dag"]["target"] == "g1 next2"
    assert next_of(second)[1]["metadata"]["name"] == f"{RUN.name}-3"
    assert third["metadata"]["labels"] == {RUN_LABEL: RUN.name}
    assert [task["depends"] for task in tasks_of(third) if "depends" in task] == ["g4"]


def test_later_parts_of_a_template_receive_the_run_name_of_the_first_part(few: None) -> None:
    first, second, third = split_workflow(rendered(TEMPLATE))
    made = [next_of(part)[1] for part in (first, second)]
    for token, part in zip(("{{workflow.name}}", "{{workflow.parameters.run}}"), made, strict=True):
        assert part["metadata"]["labels"] == {RUN_LABEL: token}
        assert part["spec"]["arguments"]["parameters"] == [{"name": "run", "value": token}]
    assert [part["metadata"]["name"][-1] for part in made] == ["2", "3"]
    env = {e["name"]: e["value"] for e in spec_of(third)["templates"][1]["container"]["env"]}
    assert env["DVC_BRIDGE_RUN"] == "{{workflow.parameters.run}}"
    assert "workflowMetadata" not in spec_of(second)
    # A running run must never get a part of a manifest that has changed since.
    other = split_workflow(rendered(replace(TEMPLATE, store={"core": {"remote": "other"}})))
    assert other[1]["metadata"]["name"] != second["metadata"]["name"]


def test_only_the_first_part_has_a_schedule(few: None) -> None:
    first, *later = split_workflow(rendered(CRON))
    assert first["spec"]["schedules"] == ["0 6 * * 1"]
    assert {part["kind"] for part in later} == {"WorkflowTemplate"}


def test_pods_of_many_kinds_are_cut_until_each_part_is_small_enough() -> None:
    nodes = [make_node(i, pod=replace(PLAIN, cpu=f"{i}m")) for i in range(400)]
    made = rendered(replace(RUN_OF_PARTS, store={"core": {"remote": "x" * 3000}}), nodes=nodes)
    found = split_workflow(made)
    assert len(found) > 2
    assert [problem for part in found for problem in problems(part)] == []


def test_2000_pods_are_four_parts_within_the_limits() -> None:
    nodes = [make_node(i, *((i - 1,) if i % 4 else ())) for i in range(2000)]
    found = split_workflow(rendered(RUN_OF_PARTS, nodes=nodes))
    assert [len(tasks_of(part)) for part in found] == [501, 501, 501, 500]
    assert all(size(part["spec"]) < 100_000 for part in found)
    assert [problem for part in found for problem in problems(part)] == []
    waits = [
        word for part in found for task in tasks_of(part)[:500] for word in awaited_tasks(task)
    ]
    assert waits == []  # one layer per part


def test_the_prediction_counts_the_way_from_part_to_part() -> None:
    nodes = [make_node(i) for i in range(4)]
    groups = group_stages(nodes, Fuse.NONE, Costs())
    one = predicted_wall_s(groups, nodes, Costs())
    two = predicted_wall_s(groups, nodes, Costs(part_pods=2))
    assert two == pytest.approx(2 * 70 + 10, abs=2)
    assert one == pytest.approx(70, abs=2)


def test_a_run_is_one_whatever_the_number_of_its_workflows() -> None:
    node = {"id": "x", "type": "Retry", "phase": "Succeeded", "templateName": "next"}
    pod = {"id": "y", "type": "Pod", "templateName": "p0"}

    def state(name: str, phase: str, nodes: dict[str, Any]) -> Any:
        meta = {"name": name, "labels": {RUN_LABEL: "r"}}
        return workflow_of({"metadata": meta, "status": {"phase": phase, "nodes": nodes}})

    failed = {"a": {**pod, "displayName": "g0", "phase": "Failed"}}
    first = state("r", "Failed", failed | {"n": {**node, "displayName": "next2"}})
    second = state("r-2", "Succeeded", {"n": {**node, "displayName": "next3"}})
    third = state("r-3", "Succeeded", {"a": {**pod, "displayName": "g1", "phase": "Succeeded"}})
    assert (first.next, second.next, third.next) == ("r-2", "r-3", "")
    assert merge_workflows([first, second]).phase == "Failed"
    assert merge_workflows([first, state("r-2", "Running", {})]).phase == "Running"
    assert merge_workflows([first, second, third]).phase == "Failed"
    assert merge_workflows([second, third]).phase == "Succeeded"
    # Creating the next Workflow failed, although it exists.
    lost = state("r", "Failed", {"n": {**node, "displayName": "next2", "phase": "Failed"}})
    assert merge_workflows([lost, second, third]).phase == "Succeeded"
    again = state("r-r1", "Succeeded", {})
    assert merge_workflows([first, second, third, again]).phase == "Succeeded"


def test_what_is_left_of_a_run_is_cut_too(few: None) -> None:
    tasks = [TaskNumber(number) for number in (1, 4, 5)]
    found = split_workflow(unfinished_manifest(rendered(RUN_OF_PARTS), tasks, "run-r1"))
    assert [[t["name"] for t in tasks_of(part)][:2] for part in found] == [
        ["g1", "next2"],
        ["g4", "g5"],
    ]
    assert next_of(found[0])[1]["metadata"] == {"name": "run-r1-2", "labels": {RUN_LABEL: RUN.name}}
    assert json.dumps(found[1]["metadata"]) == json.dumps(
        {"name": "run-r1-2", "namespace": "team", "labels": {RUN_LABEL: RUN.name}}
    )
