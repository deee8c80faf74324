"""The reason why a pod failed is named with its fix by submit, status and JSON.

Needs what test_submit.py needs.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
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

COMMAND = "python3 -c 'b = bytearray(200 << 20)'; sleep 8; echo 1 > o"
RBAC = REPOSITORY / "docs" / "argo-rbac.yaml"
QUOTA = "--hard=limits.memory=1Gi"
RANGE = """\
apiVersion: v1
kind: LimitRange
metadata: {name: small}
spec: {limits: [{type: Container, max: {memory: 512Mi}}]}
"""


@pytest.fixture
def space() -> Iterator[str]:
    """A new namespace without an account."""
    name = f"reasons-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def furnished(space: str) -> str:
    """The namespace with the account of the pods and their Secret."""
    kubectl("-n", space, "apply", "-f", str(RBAC))
    literals = [f"--from-literal={key}={os.environ[key]}" for key in KEYS]
    kubectl("-n", space, "create", "secret", "generic", "store", *literals)
    return space


@pytest.fixture
def project(make_project: MakeProject, bucket: str) -> Path:
    root = make_project({"big": {"cmd": COMMAND, "outs": ["o"]}}, {})
    dvc(root, "remote", "add", "-d", "store", f"s3://{bucket}/{secrets.token_hex(4)}")
    dvc(root, "remote", "modify", "store", "endpointurl", os.environ["CLUSTER_S3_ENDPOINT"])
    dvc(root, "remote", "modify", "store", "region", "us-east-1")
    return root


def failed(root: Path, space: str, stage: str = "") -> str:
    """Run the stage in a namespace with these settings, check what status says, and return it."""
    (root / "dvc-bridge.yaml").write_text(
        f"argo: {{image: '{os.environ['BRIDGE_IMAGE']}', image_pull_policy: Never,"
        f" namespace: {space}, secrets: [store]}}\nstages: {{big: {{{stage}}}}}\n"
    )
    printed = bridge(root, "submit", "--wait", code=2)
    run = printed.split("\nrun ")[1].split(":")[0]
    (group,) = json.loads(bridge(root, "status", run, "--json"))["groups"]
    assert f"g0: {group['message']}" in printed.partition("\ndvc-bridge: ")[2]
    assert f"fix: {group['fix']}" in printed
    assert group["message"] in bridge(root, "status", run)
    assert "No more retries" not in printed
    return f"{group['attempts']}: {group['message']}"


def test_a_pod_that_needs_too_much_memory(project: Path, furnished: str) -> None:
    said = failed(project, furnished, "memory: 128Mi, retries: 1")
    assert said.endswith(": out of memory: it needs more than its limit of 128Mi")


def test_a_pod_that_runs_for_too_long(project: Path, furnished: str) -> None:
    # Its command sleeps for 8 s; a stage that was ended has no result.
    said = failed(project, furnished, "timeout: [1, 3]")
    assert said == "2: timeout: it ran longer than 3 s (earlier attempts: 1 s)"


def test_a_namespace_without_the_account(project: Path, space: str) -> None:
    assert failed(project, space) == "1: the namespace has no service account dvc-bridge"


def test_a_pod_that_waits_for_the_token_of_its_account(project: Path, furnished: str) -> None:
    kubectl("-n", furnished, "delete", "secret", "dvc-bridge.service-account-token")
    (project / "dvc-bridge.yaml").write_text(
        f"argo: {{image: '{os.environ['BRIDGE_IMAGE']}', image_pull_policy: Never,"
        f" namespace: {furnished}, secrets: [store]}}\n"
    )
    assert "there is no secret dvc-bridge.service-account-token" in bridge(
        project, "doctor", code=2
    )
    printed = bridge(project, "submit", "--wait", code=2)
    reason = "the namespace has no Secret dvc-bridge.service-account-token"
    assert f"g0 cannot start: {reason}" in printed
    assert "argo-rbac.yaml" in printed.rpartition("fix: ")[2]
    (run,) = [line.split()[1].rstrip(":") for line in printed.splitlines() if "run " in line[:4]]
    (group,) = json.loads(bridge(project, "status", run, "--json"))["groups"]
    assert group["message"].startswith(reason)


def test_a_pod_that_a_queue_holds_back(project: Path, furnished: str) -> None:
    (project / "dvc-bridge.yaml").write_text(
        f"argo: {{image: '{os.environ['BRIDGE_IMAGE']}', image_pull_policy: Never,"
        f" namespace: {furnished}, secrets: [store]}}\n"
        "stages: {big: {pod_patch: {schedulingGates: [{name: example.org/quota}]}}}\n"
    )
    printed = bridge(project, "submit")
    (run,) = [line.split()[1].rstrip(":") for line in printed.splitlines() if "run " in line[:4]]
    pod = ""
    while not pod:
        pod = kubectl("-n", furnished, "get", "pods", "-o", "name").strip()
    (group,) = json.loads(bridge(project, "status", run, "--json"))["groups"]
    assert group["message"].endswith("scheduling gate is opened: example.org/quota")
    assert "quota has room" in group["fix"]
    gates = '[{"op": "remove", "path": "/spec/schedulingGates"}]'
    kubectl("-n", furnished, "patch", pod, "--type=json", f"--patch={gates}")
    bridge(project, "logs", "-f", run)
    bridge(project, "collect", run)
    assert (project / "o").read_text() == "1\n"


def _restrict(space: str) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", space, label)


def _add_quota(space: str) -> None:
    kubectl("-n", space, "create", "quota", "limits", QUOTA)


def _add_range(space: str, folder: Path) -> None:
    (folder / "range.yaml").write_text(RANGE)
    kubectl("-n", space, "apply", "-f", str(folder / "range.yaml"))


@pytest.mark.parametrize(
    ("change", "stage", "said"),
    [
        (
            lambda space, _: _restrict(space),
            "pod_patch: {hostNetwork: true}",
            "demands the Pod Security Standard restricted",
        ),
        (lambda space, _: _add_quota(space), "", "the quota limits demands values"),
        (_add_range, "memory: 1Gi", "the namespace has a maximum of 512Mi memory per Container"),
    ],
    ids=["Pod Security Standard", "quota", "LimitRange"],
)
def test_a_namespace_that_refuses_the_pod(
    project: Path,
    furnished: str,
    tmp_path: Path,
    change: Callable[[str, Path], None],
    stage: str,
    said: str,
) -> None:
    change(furnished, tmp_path)
    message = failed(project, furnished, stage)
    assert message.startswith("1: ")
    assert said in message
