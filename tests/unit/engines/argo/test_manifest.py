"""The manifest: its content, its acceptance by Argo, and what is refused before it is sent."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

from dvc_bridge.engines.argo.lint import check, problems
from dvc_bridge.engines.argo.manifest import ManifestKind, RunSpec, manifest, size, text
from dvc_bridge.engines.argo.status import GROUPS_ANNOTATION
from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.group_stages import Costs, Group, Node, group_stages
from dvc_bridge.remote_run.worker_contract import GitCode, SnapshotCode
from tests.support import paths

GOLDEN = paths.GOLDEN / "argo"
PLAIN = Resources(image="registry.example/team/image:1", secret_env=("s3-credentials",))
LARGE = replace(
    PLAIN,
    cpu="2",
    memory="8Gi",
    gpu=1,
    timeout=3600,
    retries=1,
    node_selector=(("zone", "a"),),
    tolerations=((("effect", "NoSchedule"), ("key", "gpu")),),
)


def make_node(
    position: int,
    *waits_for: int,
    seconds: float = 60.0,
    pod: Resources = PLAIN,
    mutexes: frozenset[str] = frozenset(),
) -> Node:
    return Node(
        StagePosition(position), tuple(map(StagePosition, waits_for)), seconds, pod, mutexes
    )


NODES = [
    make_node(0),
    make_node(1, 0, pod=LARGE, mutexes=frozenset({"gpu"})),
    make_node(2, 0, pod=LARGE, mutexes=frozenset({"gpu"})),
    make_node(3, 0, pod=replace(PLAIN, retries=0)),
    make_node(4, 1, 2, 3),
    make_node(5, 4, seconds=1.0),
]
ADDRESSES = ["prep", "train@a", "train@b", "sub/dvc.yaml:report", "join", "evaluate"]
STORE = {
    "core": {"remote": "s"},
    'remote "s"': {"url": "s3://bucket/dvc", "endpointurl": "http://s3.example:8333"},
}
RUN = RunSpec(
    name="dvc-20260102-030405-abcde",
    store=STORE,
    code=SnapshotCode("0" * 64),
    argo=ArgoSettings(namespace="team", image_pull_policy="IfNotPresent", parallelism=20),
)
GIT = replace(
    RUN,
    name="nightly",
    own_run=True,
    code=GitCode(
        "https://git.example/team/project.git", "1" * 40, {"shape": "22", "stages": "0-5"}
    ),
)
CRON = replace(  # noqa: S604
    GIT,
    kind=ManifestKind.CRON,
    schedule="0 6 * * 1",
    argo=replace(GIT.argo, user=None),
    shell="/bin/bash",
)
RUNS = {
    "workflow": RUN,
    "workflow-from-git": GIT,
    "workflow-template": replace(GIT, kind=ManifestKind.TEMPLATE),
    "cron-workflow": CRON,
    "workflow-with-secret-files": replace(
        RUN,
        argo=replace(
            RUN.argo, secret_files=(("gcs-key", "/secrets/gcs"), ("ssh-key", "/secrets/ssh"))
        ),
    ),
    "workflow-with-worker-image": replace(
        RUN, argo=replace(RUN.argo, worker_image="registry.example.org/worker:1")
    ),
}

TMP = "/tmp"  # noqa: S108


def values(groups: list[Group]) -> list[str]:
    return [f"{group.number}:{1000 * group.number}:1000" for group in groups]


def rendered(
    run: RunSpec = RUN,
    nodes: list[Node] = NODES,
    fuse: Fuse = Fuse.NONE,
    addresses: Sequence[str] = ADDRESSES,
) -> dict[str, Any]:
    return manifest(tasks_from(group_stages(nodes, fuse, Costs()), addresses), run)


def tasks_from(groups: list[Group], addresses: Sequence[str] = ADDRESSES) -> list[TaskSpec]:
    return [
        TaskSpec(
            group.number,
            value,
            tuple(addresses[p] if p < len(addresses) else f"s{p}" for p in group.positions),
            group.needs,
            group.after,
            group.pod,
        )
        for group, value in zip(groups, values(groups), strict=True)
    ]


def spec_of(made: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = made["spec"].get("workflowSpec", made["spec"])
    return spec


def tasks_of(made: dict[str, Any]) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = spec_of(made)["templates"][0]["dag"]["tasks"]
    return tasks


def pods_of(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [t for t in spec_of(made)["templates"] if "container" in t]


@pytest.mark.parametrize("name", RUNS)
def test_the_manifest_is_the_golden_one(name: str) -> None:
    """`GOLDEN=write pytest tests/unit/engines/argo/test_manifest.py` writes new ones."""
    made, path = rendered(RUNS[name]), GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text(made))
    assert text(made) == path.read_text()
    assert yaml.safe_load(path.read_text()) == made
    assert problems(made) == []


@pytest.mark.parametrize("name", RUNS)
def test_argo_finds_nothing_wrong_with_the_golden_manifests(name: str) -> None:
    argo = shutil.which("argo")
    if not argo:
        pytest.skip("argo is not on PATH")
    call = [argo, "lint", "--offline", "--no-color", str(GOLDEN / f"{name}.yaml")]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", RUNS)
def test_the_golden_manifests_are_of_argos_schema(name: str) -> None:
    pytest.importorskip("hera", reason="the extra argo is not installed")
    from hera.workflows import models

    from dvc_bridge.engines.argo.schema import validate

    made = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    validate(made)
    model = getattr(models, made["kind"])
    assert model.model_validate(made) == model.model_validate(rendered(RUNS[name]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made["spec"].update(parallelisms=3),
        lambda made: made["spec"].update(pod_gc=made["spec"].pop("podGC")),
        lambda made: pods_of(made)[0]["container"].update(imagePullPolcy="Never"),
        lambda made: pods_of(made)[0]["container"]["securityContext"].update(root=True),
        lambda made: tasks_of(made)[0].update(dependz="g1"),
        lambda made: made["spec"].update(parallelism="many"),
    ],
)
def test_a_field_that_argo_does_not_know_is_found_before_anything_is_sent(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    pytest.importorskip("hera", reason="the extra argo is not installed")
    from dvc_bridge.engines.argo.schema import ManifestError, validate

    made = rendered()
    spoil(made)
    with pytest.raises(ManifestError, match="does not conform to Argo's schema"):
        validate(made)


def test_all_errors_are_reported_at_once_with_a_fix() -> None:
    store = {"core": {"remote": "{{x}}"}}
    with pytest.raises(UsageError, match="fix: correct") as refused:
        check(rendered(replace(RUN, name="Big_Run", store=store)))
    assert "'Big_Run' is not a valid name" in refused.value.message
    assert "contains {{" in refused.value.message


def test_a_task_is_150_bytes_at_most_and_the_rest_does_not_grow() -> None:
    nodes = [make_node(i, *((i - 1,) if i % 50 else ())) for i in range(500)]
    groups = group_stages(nodes, Fuse.NONE, Costs())
    tasks = [
        replace(t, reference=f"{t.number}:{9_000_000 + t.number}:99999") for t in tasks_from(groups)
    ]
    made = manifest(tasks, RUN)
    for task in tasks_of(made):
        assert len(json.dumps(task, separators=(",", ":"))) <= 150
    assert len(pods_of(made)) == 1


def test_pods_of_equal_settings_share_a_template() -> None:
    made = rendered()
    assert [task["template"] for task in tasks_of(made)] == ["p0", "p1", "p1", "p2", "p0", "p0"]


def test_equal_runs_give_equal_bytes_and_other_ones_differ() -> None:
    assert text(rendered()) == text(rendered())
    assert text(rendered(replace(RUN, code=SnapshotCode("1" * 64)))) != text(rendered())


def test_a_pod_runs_without_rights_and_without_the_token() -> None:
    for run in RUNS.values():
        spec = spec_of(rendered(run))
        assert spec["automountServiceAccountToken"] is False
        assert spec["executor"] == {"serviceAccountName": "dvc-bridge"}
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["securityContext"].get("runAsUser") == run.argo.user
        for pod in pods_of(rendered(run)):
            assert pod["container"]["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            writable = {
                m["mountPath"] for m in pod["container"]["volumeMounts"] if not m.get("readOnly")
            }
            assert writable == {"/work", TMP}


def test_a_pod_starts_the_worker_with_one_word_and_no_shell() -> None:
    for pod in pods_of(rendered()):
        assert pod["container"]["command"] == ["dvc-bridge", "worker"]
        assert pod["container"]["args"] == ["{{inputs.parameters.g}}"]
        assert not {"script", "resource"} & pod.keys()


def environment(run: RunSpec) -> dict[str, str]:
    env = pods_of(rendered(run))[0]["container"]["env"]
    return {entry["name"]: entry["value"] for entry in env}


def test_a_worker_receives_run_store_and_code() -> None:
    env = environment(RUN)
    assert env["DVC_BRIDGE_RUN"] == RUN.name
    assert json.loads(env["DVC_BRIDGE_STORE"]) == STORE
    assert env["DVC_BRIDGE_CODE"] == "0" * 64
    assert env["HOME"] == TMP
    assert env["USER"] == "dvc"
    assert env["TMPDIR"] == f"/work{TMP}"
    assert "SHELL" not in env
    assert environment(CRON)["SHELL"] == "/bin/bash"


def test_every_workflow_with_code_from_git_is_a_run_of_its_own() -> None:
    assert environment(CRON)["DVC_BRIDGE_RUN"] == "{{workflow.name}}"
    assert environment(CRON)["DVC_BRIDGE_REVISION"] == "1" * 40


def test_lost_pods_are_tried_again_but_not_those_out_of_time_or_refused() -> None:
    plain, large, never = pods_of(rendered())
    lost = "(lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [-1,137,143,75])"
    refused = "(lastRetry.message matches 'is forbidden|serviceaccounts? .* not found')"
    full = "(lastRetry.message contains 'OOMKilled')"
    expression = f"{lost} and not {refused} and not {full}"
    assert plain["retryStrategy"] == {
        "limit": "2",
        "retryPolicy": "Always",
        "expression": expression,
    }
    assert large["retryStrategy"]["limit"] == "1"
    assert large["retryStrategy"]["expression"].startswith(f"{expression} and not (asInt")
    assert "retryStrategy" not in never


def test_a_pod_has_time_for_each_of_its_stages() -> None:
    nodes = [
        make_node(0, seconds=1.0, pod=LARGE),
        make_node(1, 0, seconds=1.0, pod=LARGE),
        make_node(2, seconds=99.0, pod=LARGE),
    ]
    made = rendered(nodes=nodes, fuse=Fuse.CHAINS)
    variables = [
        {entry["name"]: entry["value"] for entry in pod["container"]["env"]}
        for pod in pods_of(made)
    ]
    assert [values["DVC_BRIDGE_TIMEOUT"] for values in variables] == ["7200", "3600"]
    # Time to pull the image and to start.
    assert [pod["activeDeadlineSeconds"] for pod in pods_of(made)] == [9000, 5400]


def test_resources_place_and_secrets_reach_the_pod() -> None:
    _, large, never = pods_of(rendered())
    assert large["container"]["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": "1"},
    }
    assert large["nodeSelector"] == {"zone": "a"}
    assert large["tolerations"] == [{"effect": "NoSchedule", "key": "gpu"}]
    assert large["container"]["envFrom"] == [{"secretRef": {"name": "s3-credentials"}}]
    assert "resources" not in never["container"]


@pytest.mark.parametrize("name", RUNS)
def test_secrets_are_files_of_every_pod_that_it_cannot_write_to(name: str) -> None:
    given = RUNS[name].argo.secret_files
    spec = spec_of(rendered(RUNS[name]))
    volumes = {v["name"]: v["secret"] for v in spec["volumes"] if "secret" in v}
    assert [volume["secretName"] for volume in volumes.values()] == [secret for secret, _ in given]
    for pod in pods_of({"spec": spec}):
        mounts = [m for m in pod["container"]["volumeMounts"] if m["name"] in volumes]
        named = [(volumes[m["name"]]["secretName"], m["mountPath"]) for m in mounts]
        assert named == list(given)
        assert all(mount["readOnly"] for mount in mounts)


def test_a_worker_image_brings_the_worker_into_pods_of_any_image() -> None:
    for pod in pods_of(rendered(RUNS["workflow-with-worker-image"])):
        (copying,) = pod["initContainers"]
        assert copying["image"] == "registry.example.org/worker:1"
        target = copying["command"][-1]
        (volume,) = (m["name"] for m in copying["volumeMounts"] if m["mountPath"] == target)
        (folder,) = (
            m["mountPath"] for m in pod["container"]["volumeMounts"] if m["name"] == volume
        )
        assert pod["container"]["command"][0] == f"{folder}/bin/python3"
        assert pod["container"]["image"] != copying["image"]


def test_a_mutex_orders_pods_but_the_second_runs_though_the_first_has_failed() -> None:
    tasks = {task["name"]: task for task in tasks_of(rendered())}
    assert tasks["g2"]["depends"] == "g0&&!g1.Skipped"
    assert tasks["g4"]["depends"] == "g1&&g2&&g3"
    assert "depends" not in tasks["g0"]


@pytest.mark.parametrize(
    "name",
    ["{{workflow.name}}", "train@{{inputs.parameters.g}}", "é ü", "a\nb: c", "$(id)", "`id`"],
)
def test_addresses_are_only_in_an_annotation_and_argo_ignores_them(name: str) -> None:
    made = rendered(addresses=[name] * 6)
    named = made["metadata"]["annotations"].pop(GROUPS_ANNOTATION)
    assert "{{" not in named
    assert json.loads(named)["g0"] == [name]
    assert made | {"metadata": 0} == rendered() | {"metadata": 0}


def test_addresses_that_do_not_fit_are_left_out() -> None:
    made = rendered(addresses=["x" * 50_000] * 6)
    assert "annotations" not in made["metadata"]


@pytest.mark.parametrize("key", ["store", "code", "service_account", "shell"])
def test_a_value_that_argo_would_interpret_is_refused(key: str) -> None:
    bad = "a{{workflow.name}}b"
    if key == "service_account":
        run = replace(RUN, argo=replace(RUN.argo, service_account=bad))
    else:
        values: dict[str, Any] = {
            "store": {"core": {"remote": bad}},
            "code": GitCode(bad, "1" * 40, {}),
            "shell": bad,
        }
        run = replace(RUN, **{key: values[key]})
    made = rendered(run)
    assert any("contains {{, which Argo would interpret" in problem for problem in problems(made))


def spoilt(spoil: Callable[[dict[str, Any]], Any], run: RunSpec = RUN) -> list[str]:
    made = copy.deepcopy(rendered(run))
    spoil(made)
    return problems(made)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: tasks_of(m)[0].update(template="p9"), "there is no template p9"),
        (lambda m: tasks_of(m)[0].update(name="g1"), "two tasks are named g1"),
        (
            lambda m: tasks_of(m)[4].update(depends="g1&&g7"),
            "g4 waits for g7, which does not exist",
        ),
        (lambda m: tasks_of(m)[4].update(depends="!g8.Skipped"), "g4 waits for g8, which"),
        (lambda m: tasks_of(m)[0].update(depends="g4"), "tasks wait for each other: g"),
        (lambda m: pods_of(m)[0].update(name="p1"), "two templates are named p1"),
        (lambda m: m["spec"].update(entrypoint="go"), "there is no template go"),
        (lambda m: pods_of(m)[0]["container"].update(image=""), "a stage has no image"),
        (lambda m: m["metadata"].update(name="x" * 64), "is not a valid name for a Workflow"),
        (lambda m: m["metadata"].update(annotations={"a": "x" * 900_000}), "bytes: a Workflow may"),
    ],
)
def test_what_argo_would_take_and_then_not_run_is_refused(
    spoil: Callable[[dict[str, Any]], Any], said: str
) -> None:
    assert any(said in problem for problem in spoilt(spoil)), spoilt(spoil)


def test_a_template_may_be_half_as_large_and_a_schedule_needs_five_fields() -> None:
    large = RUNS["workflow-template"]
    note = {"annotations": {"a": "x" * 600_000}}
    assert spoilt(lambda m: m["metadata"].update(note)) == []
    assert (
        "a WorkflowTemplate may have at most 500,000"
        in spoilt(lambda m: m["metadata"].update(note), large)[0]
    )
    assert "is not a valid schedule" in problems(rendered(replace(CRON, schedule="daily")))[0]


def test_the_largest_workflow_stays_within_the_limits() -> None:
    nodes = [make_node(i, *(range(250) if i >= 250 else ())) for i in range(500)]
    made = rendered(nodes=nodes, fuse=Fuse.NONE)
    assert problems(made) == []
    assert size(made) < 900_000


def test_a_second_process_finds_what_validate_finds_and_its_death_skips_no_check() -> None:
    pytest.importorskip("hera", reason="the extra argo is not installed")
    from dvc_bridge.engines.argo import schema

    made = rendered()
    with schema.schema_process():
        schema.validate_all([made])
    made["spec"]["parallelisms"] = 3
    for ended in (False, True):
        with schema.schema_process():
            if ended:
                schema._SERVERS[-1]._process.kill()  # like a machine without enough memory
                schema._SERVERS[-1]._process.join()
            with pytest.raises(schema.ManifestError, match="parallelisms"):
                schema.validate_all([rendered(), made])
