"""Read and show the status that Argo reports for a Workflow."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import jsonschema

from dvc_bridge.engines.argo.status import (
    GROUPS_ANNOTATION,
    RUN_LABEL,
    Workflow,
    merge_workflows,
    workflow_of,
)
from dvc_bridge.pipeline.run_status import Phase
from dvc_bridge.ui.status_text import run_json, run_text, runs_json, runs_text

START = "2026-11-24T16:40:10Z"
NOW = datetime(2026, 11, 24, 17, 42, 15, tzinfo=UTC)


def node(number: str, **more: Any) -> dict[str, Any]:
    return {"id": f"w-{number}", "startedAt": START, "templateName": "p0", "type": "Pod", **more}


NODES = {
    "w": {"id": "w", "displayName": "w", "type": "DAG", "phase": "Running"},
    "w-1": node("1", displayName="g1", type="Retry", phase="Running", children=["w-2", "w-10"]),
    "w-2": node("2", displayName="g1(0)", phase="Error", message="pod deleted"),
    "w-10": node("10", displayName="g1(1)", phase="Pending", message="ImagePullBackOff"),
    "w-3": node(
        "3", displayName="g0", phase="Failed", finishedAt=START, outputs={"exitCode": "75"}
    ),
    "w-4": node("4", displayName="g2", type="Skipped", phase="Omitted", message="omitted"),
    "w-5": node("5", displayName="onExit", phase="Running"),
}


def workflow(**status: Any) -> dict[str, Any]:
    notes = {
        GROUPS_ANNOTATION: json.dumps({"g0": ["a"], "g1": ["b@ü", "c"], "g2": ["d"], "g3": []})
    }
    return {
        "metadata": {"name": "w", "labels": {RUN_LABEL: "r"}, "annotations": notes},
        "status": {"phase": "Running", "startedAt": START, **status},
    }


def test_a_pod_is_a_group_in_its_newest_try() -> None:
    state = workflow_of(workflow(nodes=NODES))
    assert [(p.task, p.phase, p.place, p.attempts, p.exit_code) for p in state.tasks] == [
        (0, "Failed", "w-p0-3", 1, 75),
        (1, "Pending", "w-p0-10", 2, None),
        (2, "Omitted", "", 0, None),
    ]
    assert state.tasks[1].message == "ImagePullBackOff"
    assert (state.run, state.stages[1], state.ended) == ("r", ("b@ü", "c"), False)


def test_packed_nodes_are_unpacked() -> None:
    packed = base64.b64encode(gzip.compress(json.dumps(NODES).encode())).decode()
    assert (
        workflow_of(workflow(compressedNodes=packed)).tasks
        == workflow_of(workflow(nodes=NODES)).tasks
    )


def test_a_workflow_that_no_controller_has_seen_is_pending() -> None:
    bare = {"metadata": {"name": "w"}}
    assert workflow_of(bare) == Workflow("w", Phase.PENDING, name="w")


def test_of_the_workflows_of_one_run_the_newest_tells_and_pods_of_all_are_there() -> None:
    first, again = (workflow_of(workflow(phase=p, nodes=NODES)) for p in ("Failed", "Running"))
    assert merge_workflows([first, again]).phase == "Running"
    retried = workflow_of(workflow(phase="Succeeded"))
    whole = merge_workflows([first, retried])
    assert (whole.phase, whole.tasks) == ("Succeeded", first.tasks)


def test_the_table_has_every_group_with_its_stages_and_those_that_wait() -> None:
    state = workflow_of(workflow(nodes=NODES))
    assert run_text(state, NOW).splitlines() == [
        "r  Running  1:02:05",
        "group  phase    took     stages",
        "g0     Failed   0 s      a       exit code 75",
        "g1     Pending  1:02:05  b@ü, c  2 attempts; ImagePullBackOff; fix: name an image in"
        " dvc-bridge.yaml that the nodes can pull",
        "g2     Omitted  1:02:05  d",
        "g3     Waiting",
    ]
    assert state.started
    assert "r    Running  59 s" in runs_text([state], state.started + timedelta(seconds=59))
    ended = workflow_of(workflow(nodes=NODES, phase="Failed"))
    assert run_text(ended, NOW).endswith("g3     Never begun")
    assert runs_text([], NOW) == "no runs"


def test_json_is_as_its_schema_says() -> None:
    schema = json.loads((files("dvc_bridge.ui") / "status.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    state = workflow_of(workflow(nodes=NODES))
    ended = run_json(workflow_of(workflow(phase="Error")), {})
    for content in (run_json(state, {}), ended, runs_json([state])):
        jsonschema.validate(content, schema)
    groups = run_json(state, {})["groups"]
    assert [group["stages"] for group in groups] == [["a"], ["b@ü", "c"], ["d"], []]
    assert [group["pod"] for group in groups] == ["w-p0-3", "w-p0-10", None, None]


def test_the_reason_of_the_last_attempt_is_shown_with_the_limit_of_its_template() -> None:
    nodes = {
        "w-1": node(
            "1",
            displayName="g0",
            type="Retry",
            phase="Failed",
            message="No more retries left",
            children=["w-2", "w-3"],
        ),
        "w-2": node("2", displayName="g0(0)", phase="Failed", message="pod deleted"),
        "w-3": node(
            "3", displayName="g0(1)", phase="Failed", message="main: OOMKilled (exit code 137)"
        ),
    }
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    template = {"name": "p0", "container": limits}
    state = workflow_of({**workflow(nodes=nodes), "spec": {"templates": [template]}})
    assert state.tasks[0].message == "out of memory: it needs more than its limit of 64Mi"
    assert "write memory: 128Mi" in state.tasks[0].fix
    assert state.tasks[0].retry_reasons == ("pod deleted",)
    assert state.tasks[0].out_of_memory == 2
    assert not state.tasks[0].is_blocked
    assert "64Mi; fix: write memory: 128Mi" in run_text(state, NOW)
    assert run_json(state, {})["groups"][0]["fix"] == state.tasks[0].fix


def test_a_task_ends_with_its_last_pod_before_the_controller_sees_it() -> None:
    task = {"displayName": "g0", "type": "Retry", "phase": "Succeeded", "children": ["w-2"]}
    pod = {"displayName": "g0(0)", "phase": "Succeeded", "finishedAt": "2026-11-30T06:00:05Z"}
    nodes = {"w-1": node("1", **task, finishedAt="2026-11-30T06:00:10Z"), "w-2": node("2", **pod)}
    (ended,) = workflow_of(workflow(nodes=nodes)).tasks
    assert ended.finished == datetime(2026, 11, 30, 6, 0, 5, tzinfo=UTC)
    del nodes["w-1"]["finishedAt"]
    (going_on,) = workflow_of(workflow(nodes=nodes)).tasks
    assert going_on.finished is None
