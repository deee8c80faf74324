"""Settings of pods on a real cluster: what a stage sees, and what Kubernetes made of its pod.

Needs what test_submit.py needs.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import KEYS, kubectl
from tests.support.commands import bridge
from tests.support.paths import REPOSITORY
from tests.support.projects import MakeProject

NEEDED = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "BRIDGE_IMAGE")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]

RBAC = REPOSITORY / "docs" / "argo-rbac.yaml"
# What the stage sees in its pod; a pod may write to its volumes.
LOOK = (
    'test "$GREETING" = hello && test "$FROM_MAP" = mapped && test -s /secrets/one/KEY'
    " && echo 1 > /cache/x && echo 1 > /dev/shm/x && test -d /data && ! touch /data/x"
    " && df --output=size -k /dev/shm | tail -1 | tr -d ' ' > o"
)
SETTINGS = """\
image: {image}
secrets: [store]
argo:
  namespace: {space}
  image_pull_policy: Never
  image_pull_secrets: [registry]
  executor_cpu: 100m
  executor_memory: 64Mi
stages:
  "*":
    labels: {{team: research}}
    cpu: 100m
    cpu_limit: 1
    memory: 256Mi
    ephemeral_storage: 1Gi
  look:
    annotations: {{example.org/purpose: test}}
    service_account: identity
    priority_class: {space}
    image_pull_secrets: [other]
    env: {{GREETING: hello}}
    env_from: [settings]
    secret_files: {{one: /secrets/one}}
    node_selector: {{kubernetes.io/os: linux}}
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
            - matchExpressions: [{{key: kubernetes.io/os, operator: In, values: [linux]}}]
    volumes:
      /data: {{claim: datasets, read_only: true}}
      /cache: {{empty_dir: 16Mi}}
      /dev/shm: {{shared_memory: 8Mi}}
    pod_patch: {{hostAliases: [{{ip: 10.0.0.1, hostnames: [example.test]}}]}}
  grow:
    memory: [128Mi, 400Mi]
"""
WAITS = """\
  full:
    gpu: {example.org/none: 1}
    pending_timeout: 20s
    retries: 0
  prompt:
    pending_timeout: 5m
    retries: 0
"""
CLUSTER = """\
apiVersion: v1
kind: ServiceAccount
metadata: {{name: identity, namespace: {space}}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {{name: {space}}}
value: 7
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: {space}}}
data: {{FROM_MAP: mapped}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {space}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: {space}
  hostPath: {{path: /usr/share, type: Directory}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: datasets, namespace: {space}}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: {space}
  resources: {{requests: {{storage: 1Gi}}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {{name: all, namespace: {space}}}
spec:
  hard: {{limits.cpu: "4", limits.memory: 4Gi, requests.cpu: "4", requests.memory: 4Gi}}
"""


@pytest.fixture
def space(tmp_path: Path) -> Iterator[str]:
    """A namespace with the restricted Pod Security Standard and a quota on every resource."""
    name = f"pods-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("-n", name, "apply", "-f", str(RBAC))
    (tmp_path / "cluster.yaml").write_text(CLUSTER.format(space=name))
    kubectl("apply", "-f", str(tmp_path / "cluster.yaml"))
    literals = [f"--from-literal={key}={os.environ[key]}" for key in KEYS]
    kubectl("-n", name, "create", "secret", "generic", "store", *literals)
    kubectl("-n", name, "create", "secret", "generic", "one", "--from-literal=KEY=value")
    for secret in ("registry", "other"):
        words = ["--docker-username=x", "--docker-password=x", "--docker-server=example.test"]
        kubectl("-n", name, "create", "secret", "docker-registry", secret, *words)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("delete", "priorityclass", name)
    kubectl("delete", "persistentvolume", name, "--wait=false")


@pytest.fixture
def project(make_project: MakeProject, bucket: str, space: str) -> Path:
    stages = {
        "look": {"cmd": LOOK, "outs": ["o"]},
        # More memory than the first attempt has.
        "grow": {"cmd": "python3 -c 'b = bytearray(200 << 20)'; echo 1 > g", "outs": ["g"]},
        # Argo keeps the pods of a run that failed.
        "fail": {"cmd": "exit 3", "outs": ["e"]},
        "full": {"cmd": "echo 1 > f", "outs": ["f"]},
        "prompt": {"cmd": "echo 1 > p", "outs": ["p"]},
    }
    root = make_project(stages, {})
    dvc(root, "remote", "add", "-d", "store", f"s3://{bucket}/{secrets.token_hex(4)}")
    dvc(root, "remote", "modify", "store", "endpointurl", os.environ["CLUSTER_S3_ENDPOINT"])
    dvc(root, "remote", "modify", "store", "region", "us-east-1")
    text = SETTINGS.format(image=os.environ["BRIDGE_IMAGE"], space=space)
    (root / "dvc-bridge.yaml").write_text(text)
    return root


def test_pods_have_what_the_settings_say_in_a_namespace_with_rules(
    project: Path, space: str
) -> None:
    assert "pods conform to all" in bridge(project, "doctor")
    printed = bridge(project, "submit", "--wait", "look", "grow", "fail", code=1)
    assert (project / "o").read_text() == "8192\n"
    assert (project / "g").exists()
    assert "out of memory: it needs more than its limit of 128Mi; retrying" in printed
    run = printed.split("\nrun ")[1].split(":")[0]
    groups = json.loads(bridge(project, "status", run, "--json"))["groups"]
    (grown,) = [group for group in groups if group["stages"] == ["grow"]]
    assert grown["attempts"] == 2
    listed = json.loads(kubectl("-n", space, "get", "pods", "-o", "json"))["items"]
    assert len(listed) == 4
    assert {pod["metadata"]["labels"]["team"] for pod in listed} == {"research"}
    (look,) = [p for p in listed if "example.org/purpose" in p["metadata"]["annotations"]]
    spec = look["spec"]
    assert spec["serviceAccountName"] == "identity"
    assert spec["priority"] == 7
    assert [secret["name"] for secret in spec["imagePullSecrets"]] == ["other", "registry"]
    assert spec["hostAliases"] == [{"hostnames": ["example.test"], "ip": "10.0.0.1"}]
    assert "requiredDuringSchedulingIgnoredDuringExecution" in spec["affinity"]["nodeAffinity"]
    containers = {container["name"]: container for container in spec["containers"]}
    assert containers["main"]["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "1Gi"},
        "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "1Gi"},
    }
    assert containers["wait"]["resources"]["limits"] == {"cpu": "100m", "memory": "64Mi"}


def test_a_pod_that_waits_too_long_is_given_up_or_refused_by_an_argo_that_ignores_it(
    project: Path, space: str
) -> None:
    settings = project / "dvc-bridge.yaml"
    settings.write_text(settings.read_text() + WAITS)
    words = [sys.executable, "-m", "dvc_bridge", "doctor"]
    found = subprocess.run(words, cwd=project, capture_output=True, text=True)
    if found.returncode:
        refusal = "ignores pending_timeout: it is older than 4.1"
        assert refusal in found.stdout + found.stderr
        assert refusal in bridge(project, "submit", "full", code=2)
        return
    printed = bridge(project, "submit", "--wait", "--fuse", "none", "full", "prompt", code=2)
    assert (project / "p").exists()
    run = printed.split("\nrun ")[1].split(":")[0]
    groups = json.loads(bridge(project, "status", run, "--json"))["groups"]
    (full,) = [group for group in groups if group["stages"] == ["full"]]
    assert full["message"].startswith("pending timeout: the pod waited")
    # Argo deletes the pod that waited too long, and keeps the others of a run that failed.
    (prompt,) = json.loads(kubectl("-n", space, "get", "pods", "-o", "json"))["items"]
    assert prompt["status"]["phase"] == "Succeeded"
