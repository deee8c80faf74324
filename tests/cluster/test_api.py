"""Argo through the Kubernetes API, on a real cluster: KUBECONFIG, and an image with a shell.

The tests use their own namespace, which Argo's controller must watch.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.doctor import check_cluster
from dvc_bridge.engines.argo.logs import command_lines, follow_logs
from dvc_bridge.engines.argo.status import RUN_LABEL
from dvc_bridge.engines.argo.watch import watch
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError
from dvc_bridge.engines.kubernetes.pod_logs import pod_log
from dvc_bridge.errors import UsageError
from tests.conftest import REPOSITORY

NEEDED = ("KUBECONFIG", "BRIDGE_IMAGE")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
    # The kubernetes package leaves the sockets of streams to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ADMIN = os.environ.get("KUBECONFIG", "")
RBAC = REPOSITORY / "docs" / "argo-rbac.yaml"


def kubectl(*words: str) -> str:
    command = ["kubectl", f"--kubeconfig={ADMIN}", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def space() -> Iterator[str]:
    """A namespace with the accounts of docs/argo-rbac.yaml, and one without any rights."""
    name = f"bridge-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    kubectl("-n", name, "apply", "-f", str(RBAC))
    for account in ("person", "stranger"):
        kubectl("-n", name, "create", "serviceaccount", account)
    role = ("--role=dvc-bridge-user", f"--serviceaccount={name}:person")
    kubectl("-n", name, "create", "rolebinding", "person", *role)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def as_account(
    space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Cluster]:
    """Return a function from a service account to the cluster as it sees it."""

    def connect(account: str) -> Cluster:
        config = yaml.safe_load(Path(ADMIN).read_text())
        token = kubectl("-n", space, "create", "token", account).strip()
        config["users"] = [{"name": account, "user": {"token": token}}]
        context = next(c for c in config["contexts"] if c["name"] == config["current-context"])
        context["context"] |= {"user": account, "namespace": space}
        path = tmp_path / f"kubeconfig-{account}"
        path.write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        return Cluster.connect()

    return connect


@pytest.fixture
def person(as_account: Callable[[str], Cluster]) -> Cluster:
    """The cluster as an account sees it that has only the documented Role."""
    return as_account("person")


def workflow(command: str, *, retries: int = 0, second: str | None = None) -> dict[str, Any]:
    """Return a Workflow of one pod, or of two that follow each other."""
    name = f"t-{secrets.token_hex(4)}"
    container = {
        "image": os.environ["BRIDGE_IMAGE"],
        "imagePullPolicy": "Never",
        "command": ["sh", "-c"],
    }
    tasks: list[dict[str, Any]] = [{"name": "g0", "template": "p0"}]
    templates = [{"name": "p0", "container": container | {"args": [command]}}]
    if second is not None:
        tasks.append({"name": "g1", "template": "p1", "depends": "g0"})
        templates.append({"name": "p1", "container": container | {"args": [second]}})
    if retries:
        templates[0]["retryStrategy"] = {"limit": str(retries), "retryPolicy": "Always"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {RUN_LABEL: name}},
        "spec": {
            "entrypoint": "run",
            "serviceAccountName": "dvc-bridge",
            "templates": [{"name": "run", "dag": {"tasks": tasks}}, *templates],
        },
    }


def test_a_workflow_is_made_watched_to_its_end_and_deleted(person: Cluster) -> None:
    made = person.create(workflow("exit 7", retries=1))
    assert made.phase == "Pending"
    states = list(watch(person, made.name))
    assert [state.ended for state in states] == [*[False] * (len(states) - 1), True]
    (pod,) = states[-1].tasks
    assert (pod.task, pod.phase, pod.exit_code, pod.attempts) == (0, "Failed", 7, 2)
    assert pod.started is not None
    assert pod.finished is not None
    assert person.run(made.name) == states[-1]
    person.delete(made.name)
    with pytest.raises(UsageError, match="has no run"):
        person.run(made.name)


def test_lines_come_as_they_are_printed_without_argos(person: Cluster) -> None:
    made = person.create(
        workflow("echo one; sleep 12; echo two >&2; echo Error: exit status 9 >&2; exit 3")
    )
    lines = follow_logs(person, made.name, None)
    times = {line.text: time.monotonic() for line in lines if not line.is_note}
    assert sorted(times) == ["Error: exit status 9", "one", "two"]
    assert times["two"] - times["one"] > 2
    (pod,) = person.get(made.name).tasks
    again = list(command_lines(pod_log(person.connection, pod.place, follow=False)))
    assert sorted(again) == sorted(times)
    person.delete(made.name)


def test_stop_ends_a_running_pod_and_begins_no_other(person: Cluster) -> None:
    made = person.create(workflow("sleep 300", second="echo"))
    for state in watch(person, made.name):
        if any(pod.phase == "Running" for pod in state.tasks):
            person.stop(made.name)
    assert state.phase == "Failed"
    assert [pod.task for pod in state.tasks if pod.place] == [0]
    person.delete(made.name)


def test_a_workflow_that_another_user_deletes_is_reported(person: Cluster) -> None:
    made = person.create(workflow("sleep 300"))
    states = watch(person, made.name)
    next(states)
    person.delete(made.name)
    with pytest.raises(UsageError, match="was deleted while"):
        list(states)


def test_without_the_right_to_watch_it_is_asked_again_and_again(
    person: Cluster, space: str, as_account: Callable[[str], Cluster]
) -> None:
    verbs = "--verb=create,get,list,delete"
    kubectl("-n", space, "create", "role", "no-watch", verbs, "--resource=workflows.argoproj.io")
    bound = ("--role=no-watch", f"--serviceaccount={space}:blind")
    kubectl("-n", space, "create", "serviceaccount", "blind")
    kubectl("-n", space, "create", "rolebinding", "blind", *bound)
    blind = as_account("blind")
    made = blind.create(workflow("true"))
    assert [state.phase for state in watch(blind, made.name)][-1] == "Succeeded"
    blind.delete(made.name)


def test_pods_without_an_image_are_reported_while_they_are_followed(person: Cluster) -> None:
    made = workflow("true")
    made["spec"]["templates"][1]["container"]["image"] = "localhost/no-such-image:1"
    name = person.create(made).name
    notes: list[str] = []
    for line in follow_logs(person, name, None):
        if line.is_note:
            notes.append(line.text)
            if line.text != "PodInitializing":  # a controller that polls often sees it first
                person.stop(name)
    assert any("ErrImageNeverPull" in text for text in notes), notes
    person.delete(name)


def test_each_missing_right_is_reported_with_its_rule(as_account: Callable[[str], Cluster]) -> None:
    stranger = as_account("stranger")
    for verb, call in (
        ("create", lambda: stranger.create(workflow("true"))),
        ("list", stranger.workflows),
        ("get", lambda: stranger.get("x")),
        ("patch", lambda: stranger.stop("x")),
        ("delete", lambda: stranger.delete("x")),
    ):
        with pytest.raises(ApiError) as caught:
            call()
        assert f"stranger may not {verb} workflows" in caught.value.message
        assert f"resources: [workflows], verbs: [{verb}]}}" in caught.value.fix
    with pytest.raises(ApiError, match="may not get pods/log"):
        list(pod_log(stranger.connection, "x", follow=False))


def test_a_missing_namespace_is_reported() -> None:
    with pytest.raises(ApiError, match="has no namespace no-such-space") as caught:
        Cluster.connect("no-such-space").create(workflow("true"))
    assert caught.value.status == NOT_FOUND
    assert "kubectl create namespace no-such-space" in caught.value.fix


def test_a_name_that_is_taken_and_a_size_that_is_too_large_are_reported(person: Cluster) -> None:
    made = workflow("sleep 300")
    person.create(made)
    with pytest.raises(ApiError, match="already exists"):
        person.create(made)
    person.delete(made["metadata"]["name"])
    for size in (2_000_000, 4_000_000):
        large = workflow("true" + " " * size)
        with pytest.raises(ApiError, match="does not accept objects of this size"):
            person.create(large)


def found(cluster: Cluster, *names: str) -> dict[str, Finding]:
    return {check.subject: check for check in check_cluster(cluster, "dvc-bridge", names)}


def test_doctor_finds_all_well_with_the_documented_roles(person: Cluster) -> None:
    checks = found(person, "store")
    assert {c.subject for c in checks.values() if c.is_ok} == {
        "cluster",
        "permissions",
        "controller",
    }
    # The check claims nothing about objects that the account may not read.
    assert {c.subject for c in checks.values() if c.is_ok is None} == {
        "account",
        "executor",
        "parts",
        "secret",
    }


def test_doctor_finds_what_is_missing_in_a_new_namespace(space: str) -> None:
    checks = found(Cluster.connect(space), "store")
    assert {c.subject for c in checks.values() if c.is_ok is False} == {"secret"}
    assert f"kubectl -n {space} create secret generic store" in checks["secret"].fix
    kubectl("-n", space, "delete", "rolebinding", "dvc-bridge-executor")
    try:
        executor = found(Cluster.connect(space))["executor"]
    finally:
        kubectl("-n", space, "apply", "-f", str(RBAC))
    assert executor.is_ok is False
    assert "resources: [workflowtaskresults], verbs: [create, patch]" in executor.fix
    bare = f"{space}-bare"
    kubectl("create", "namespace", bare)
    try:
        assert found(Cluster.connect(bare))["account"].is_ok is False
    finally:
        kubectl("delete", "namespace", bare, "--wait=false")
    assert found(Cluster.connect("no-such-space"))["cluster"].is_ok is False


def test_doctor_names_the_rules_that_an_account_lacks(as_account: Callable[[str], Cluster]) -> None:
    permissions = found(as_account("stranger"))["permissions"]
    assert permissions.is_ok is False
    assert "verbs: [create, get, list, watch, patch, delete]" in permissions.fix
    assert "resources: [pods/log], verbs: [get]" in permissions.fix
