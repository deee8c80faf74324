"""Settings of pods: how they reach the manifest, and what is refused before it is sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from dvc_bridge.engines.argo import workflow_split
from dvc_bridge.engines.argo.lint import problems
from dvc_bridge.engines.argo.manifest import RunSpec, manifest, text
from dvc_bridge.engines.argo.status import RUN_LABEL
from dvc_bridge.engines.argo.workflow_split import split_workflow
from dvc_bridge.engines.base import TaskSpec, refuse_pod_settings
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.pod_settings import PodSettings
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.setting_keys import POD_KEYS
from dvc_bridge.remote_run.worker_contract import SnapshotCode
from tests.support import paths

GOLDEN = paths.GOLDEN / "argo" / "workflow-with-pod-settings.yaml"
# Every key, each with a value.
EVERY_KEY = """\
image: registry.example/team/image:1
secrets: [s3-credentials]
argo:
  image_pull_secrets: [registry]
  executor_cpu: 100m
  executor_memory: 64Mi
stages:
  "*":
    labels: {kueue.x-k8s.io/queue-name: team, cost: research}
    annotations: {sidecar.istio.io/inject: "false"}
    priority_class: batch
  prep: {pending_timeout: 2h, retries: 0}
  "train@*":
    image_pull_secrets: [registry, gpu-registry]
    service_account: bucket-reader
    labels: {cost: gpu}
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
            - matchExpressions: [{key: zone, operator: In, values: [a, b]}]
    env: {OMP_NUM_THREADS: "4"}
    env_from: [proxy]
    secret_files: {gcs-key: /secrets/gcs}
    volumes:
      /data: {claim: datasets, read_only: true, sub_path: flights}
      /scratch: {ephemeral: 100Gi, storage_class: fast}
      /cache: {empty_dir: 10Gi}
      /dev/shm: {shared_memory: 2Gi}
    cpu: 2
    cpu_limit: 4
    memory: [4Gi, 8Gi, 16Gi]
    ephemeral_storage: 50Gi
    gpu: {nvidia.com/mig-1g.5gb: 1}
    timeout: [30m, 1h30m]
    retries: 1
    pod_patch:
      hostAliases: [{ip: 10.0.0.1, hostnames: [store]}]
      containers: [{name: main, resources: {limits: {hugepages-2Mi: 4Mi}}}]
"""


def specs(settings: Settings, *addresses: str) -> list[TaskSpec]:
    return [
        TaskSpec(TaskNumber(n), f"{n}:0:1", (address,), (), (), settings.pod(address))
        for n, address in enumerate(addresses)
    ]


def rendered(content: Any, *addresses: str) -> dict[str, Any]:
    settings = parse_settings(content)
    settings.check(addresses)
    run = RunSpec(
        "run",
        {"core": {"remote": "s"}},
        SnapshotCode("0" * 64),
        settings.argo,
        labels={RUN_LABEL: "run"},
    )
    return manifest(specs(settings, *addresses), run)


def pods(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [template for template in made["spec"]["templates"] if "container" in template]


def pod(stage: dict[str, Any], argo: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the template of the pod of a stage with these settings."""
    content = {"image": "i", "argo": argo, "stages": {"a": stage}}
    (template,) = pods(rendered(content, "a"))
    return template


def test_the_manifest_with_every_setting_is_the_golden_one() -> None:
    """`GOLDEN=write pytest tests/unit/engines/argo/test_pod_settings.py` writes a new one."""
    made = rendered(yaml.safe_load(EVERY_KEY), "prep", "train@a")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text(made))
    assert text(made) == GOLDEN.read_text()
    assert yaml.safe_load(GOLDEN.read_text()) == made
    assert problems(made) == []
    train = yaml.safe_load(EVERY_KEY)["stages"]
    assert {key.name for key in POD_KEYS} - {"memory_limit"} <= {
        k for v in train.values() for k in v
    }


def test_the_manifest_with_every_setting_is_of_argos_schema() -> None:
    pytest.importorskip("hera", reason="the extra argo is not installed")
    from dvc_bridge.engines.argo.schema import validate

    validate(yaml.safe_load(GOLDEN.read_text()))


def test_argo_finds_nothing_wrong_with_the_manifest_with_every_setting() -> None:
    argo = shutil.which("argo")
    if not argo:
        pytest.skip("argo is not on PATH")
    call = [argo, "lint", "--offline", "--no-color", str(GOLDEN)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stages_with_different_pod_settings_are_not_equal() -> None:
    settings = parse_settings(
        {"stages": {"a": {"labels": {"x": "1"}}, "b": {"labels": {"x": "2"}}, "c": {"env": {}}}}
    )
    assert settings.pod("a") != settings.pod("b")
    assert settings.pod("c") == settings.pod("d")


def test_mappings_are_combined_and_other_settings_replaced() -> None:
    stages = {
        "*": {"labels": {"a": "1", "b": "1"}, "env_from": ["x"], "cpu_limit": 1},
        "t": {"labels": {"b": "2", "c": "2"}, "env_from": ["y"]},
    }
    assert parse_settings({"stages": stages}).pod("t").pod == PodSettings(
        labels=(("a", "1"), ("b", "2"), ("c", "2")), env_from=("y",), cpu_limit="1"
    )


def test_memory_rises_at_each_attempt_and_never_stays_after_a_failure_for_lack_of_it() -> None:
    made = pod({"memory": ["1Gi", "2Gi", "4Gi"], "retries": 1})
    main = json.loads(made["podSpecPatch"])["containers"][1]
    value = "{{=['1Gi', '2Gi', '4Gi'][min(asInt(retries), 2)]}}"
    assert main == {
        "name": "main",
        "resources": {"requests": {"memory": value}, "limits": {"memory": value}},
    }
    assert made["container"]["resources"]["limits"] == {"memory": "1Gi"}
    assert made["retryStrategy"]["limit"] == "2"
    lost, full = made["retryStrategy"]["expression"].split(" or (asInt(retries) < 2 and ")
    assert lost.startswith("(asInt(retries) < 1 and (lastRetry.status == 'Error'")
    assert "and not (lastRetry.message contains 'OOMKilled')" in lost
    assert full == "(lastRetry.message contains 'OOMKilled'))"


@pytest.mark.parametrize(
    ("stage", "memories"),
    [
        ({"memory": "4Gi", "memory_growth": 2}, ("4Gi", "8Gi", "16Gi")),
        (
            {"memory": "1Gi", "memory_growth": 1.5, "retries": 3},
            ("1Gi", "1.5Gi", "2.25Gi", "3.375Gi"),
        ),
        (
            {"memory": "4Gi", "memory_growth": 2, "memory_max": "40Gi"},
            ("4Gi", "8Gi", "16Gi", "32Gi", "40Gi"),
        ),
        ({"memory": "4Gi", "memory_growth": 2, "memory_max": "16Gi"}, ("4Gi", "8Gi", "16Gi")),
        ({"memory": "4Gi", "memory_growth": 2, "retries": 0}, ()),
        ({"memory": "4Gi"}, ()),
    ],
)
def test_memory_grows_up_to_its_limit(stage: dict[str, Any], memories: tuple[str, ...]) -> None:
    resources = parse_settings({"stages": {"a": stage}}).pod("a")
    assert resources.memories == memories
    assert resources.memory == stage["memory"]


def test_a_timeout_rises_for_each_of_the_stages_of_a_pod() -> None:
    settings = parse_settings({"image": "i", "stages": {"*": {"timeout": ["1m", "2m"]}}})
    task = TaskSpec(TaskNumber(0), "0:0:2", ("a", "b"), (), (), settings.pod("a"))
    run = RunSpec("run", {"core": {"remote": "s"}}, SnapshotCode("0" * 64), settings.argo)
    (made,) = pods(manifest([task], run))
    variables = {entry["name"]: entry["value"] for entry in made["container"]["env"]}
    assert variables["DVC_BRIDGE_TIMEOUT"] == "{{=['120', '240'][min(asInt(retries), 1)]}}"
    assert made["activeDeadlineSeconds"] == 240 + 1800
    assert (
        "asInt(retries) < 1 and (asInt(lastRetry.exitCode) == 124 or"
        in made["retryStrategy"]["expression"]
    )


def test_limits_may_differ_from_requests() -> None:
    made = pod({"cpu": 1, "cpu_limit": 2, "memory": "1Gi", "memory_limit": "2Gi"})
    assert made["container"]["resources"] == {
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "2Gi"},
    }


def test_a_volume_may_hold_the_workspace() -> None:
    made = pod({"volumes": {"/work": {"ephemeral": "1Ti"}}}, {"user": 1234})
    mounts = {m["mountPath"]: m["name"] for m in made["container"]["volumeMounts"]}
    assert mounts["/work"] == "volume-0"
    assert made["securityContext"]["fsGroup"] == 1234
    assert made["securityContext"]["runAsNonRoot"] is True


def test_a_patch_of_the_user_wins_over_ours() -> None:
    wait = {"name": "wait", "resources": {"limits": {"cpu": "1"}}}
    made = pod({"pod_patch": {"containers": [wait, {"name": "side", "image": "x"}]}})
    containers = json.loads(made["podSpecPatch"])["containers"]
    assert [container["name"] for container in containers] == ["wait", "side"]
    assert containers[0]["resources"] == wait["resources"]
    assert containers[0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_pod_that_starts_the_next_workflow_has_what_all_pods_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflow_split, "MOST_PODS", 1)
    stages = {
        "*": {"labels": {"team": "a"}, "priority_class": "batch"},
        "b": {"node_selector": {"x": "y"}},
    }
    first, _ = split_workflow(rendered({"image": "i", "stages": stages}, "a", "b"))
    (following,) = [t for t in first["spec"]["templates"] if t["name"] == "next"]
    assert following["metadata"] == {"labels": {"team": "a"}}
    assert following["priorityClassName"] == "batch"
    assert "nodeSelector" not in following


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (
            {"affinity": {"nodeAfinity": {}}},
            "affinity.nodeAfinity is no field of a pod; did you mean nodeAffinity?",
        ),
        ({"affinity": {"podAffinity": []}}, "affinity.podAffinity must be a mapping"),
        ({"pod_patch": {"containers": {"name": "main"}}}, "pod_patch.containers must be a list"),
        ({"pod_patch": {"hostNetwork": "yes"}}, "pod_patch.hostNetwork must be of type bool"),
        (
            {"pod_patch": {"containers": [{"name": "main", "image": {}}]}},
            "pod_patch.containers[1].image must be text",
        ),
        (
            {"volumes": {"/x": {"empty_dir": "1Gi"}}, "secret_files": {"s": "/x"}},
            "two volumes of a pod have the folder /x",
        ),
    ],
)
def test_what_a_cluster_would_refuse_is_found_first(stage: dict[str, Any], said: str) -> None:
    pytest.importorskip("kubernetes", reason="the extra argo is not installed")
    found = problems(rendered({"image": "i", "stages": {"a": stage}}, "a"))
    assert any(problem.startswith(said) for problem in found), found


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"memory_growth": 2}, "memory_growth needs memory"),
        ({"memory": ["1Gi", "2Gi"], "memory_growth": 2}, "memory_growth needs one memory"),
        ({"memory": "1Gi", "memory_max": "2Gi"}, "memory_max needs memory_growth"),
        ({"memory": ["1Gi", "2Gi"], "memory_limit": "3Gi"}, "memory_limit needs one memory"),
        ({"memory": "2Gi", "memory_limit": "1Gi"}, "memory_limit is 1Gi, less than memory, 2Gi"),
        ({"cpu": 2, "cpu_limit": "500m"}, "cpu_limit is 500m, less than cpu, 2"),
        ({"pending_timeout": "1h"}, "pending_timeout needs retries: 0"),
        ({"pending_timeout": 9, "retries": 0, "timeout": [1, 2]}, "pending_timeout needs retries"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(stage: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings({"stages": {"*": stage}}).check(["a", "b"])
    assert said in refused.value.message
    assert "(a, b)" in refused.value.message


def test_engines_without_pods_refuse_what_a_command_would_miss() -> None:
    stages = {
        "a": {"labels": {"x": "y"}},
        "b": {"env": {"X": "1"}, "volumes": {"/x": {"claim": "c"}}},
    }
    settings = parse_settings({"stages": stages})
    refuse_pod_settings(settings, ["a"], "worker processes")
    with pytest.raises(UsageError) as refused:
        refuse_pod_settings(settings, ["a", "b"], "worker processes")
    assert refused.value.message == (
        "worker processes have no env: b\nworker processes have no volumes: b"
    )
