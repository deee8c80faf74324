"""The manifests on a real cluster: KUBECONFIG, and SERVING_IMAGE, an image that its nodes have."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

IMAGE = os.environ.get("SERVING_IMAGE", "")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not (IMAGE and os.environ.get("KUBECONFIG")), reason="needs KUBECONFIG and SERVING_IMAGE"
    ),
]
NAME = "disrupted-flights"


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    command = ["kubectl", "--namespace", "serving-test", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifests(**env: str) -> str:
    """Return serving/deploy/kubernetes.yaml with the image under test."""
    documents = list(
        yaml.safe_load_all((REPOSITORY / "serving/deploy/kubernetes.yaml").read_text())
    )
    (container,) = documents[0]["spec"]["template"]["spec"]["containers"]
    container |= {"image": IMAGE, "imagePullPolicy": "Never"}
    container["env"] += [{"name": name, "value": value} for name, value in env.items()]
    return yaml.safe_dump_all(documents)


_ASK = """
import sys, time, urllib.error, urllib.request
body, end = sys.stdin.buffer.read() or None, time.monotonic() + 30
kind = {"content-type": "application/json"}
while True:
    try:
        request = urllib.request.Request(sys.argv[1], body, kind)
        print(urllib.request.urlopen(request, timeout=20).read().decode())
        break
    except urllib.error.URLError:  # kube-proxy may not have heard of the pods yet
        if time.monotonic() > end: raise
        time.sleep(0.5)
"""
_ASK_ON = """
import json, sys, time, urllib.request
body, end, seen = sys.argv[2].encode(), time.monotonic() + 40, []
kind = {"content-type": "application/json"}
while time.monotonic() < end:
    request = urllib.request.Request(sys.argv[1], body, kind)
    try: seen.append(urllib.request.urlopen(request, timeout=20).status)
    except Exception as error: seen.append(repr(error))
    time.sleep(0.01)
print(json.dumps([len(seen), [s for s in seen if s != 200][:5]]))
"""
_WRITE = """
import os
print(os.getuid())
try: open("/app/x", "w")
except OSError as error: print(error.errno)
"""
PYTHON = ("--", "/venv/bin/python", "-c")


def url(path: str) -> str:
    address = kubectl("get", "service", NAME, "-o", "jsonpath={.spec.clusterIP}")
    return f"http://{address}{path}"


def ask(path: str, body: str = "") -> Any:
    """Ask from inside a pod, through the Service, as other pods do."""
    command = ["exec", "-i", f"deployment/{NAME}", *PYTHON, _ASK, url(path)]
    return json.loads(kubectl(*command, stdin=body))


@pytest.fixture(scope="module")
def deployed() -> Iterator[None]:
    subprocess.run(["kubectl", "create", "namespace", "serving-test"], check=True)
    try:
        kubectl("apply", "-f", "-", stdin=manifests())
        kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
        yield
    finally:
        subprocess.run(["kubectl", "delete", "namespace", "serving-test"], check=True)


def test_pods_become_ready_and_answer_through_the_service(deployed: None) -> None:
    body = (REPOSITORY / "serving/example.json").read_text()
    assert ask("/predict", body)["labels"] == ["disrupted"]
    assert ask("/readyz") == {"ready": True}


def test_the_process_is_not_root_and_cannot_write(deployed: None) -> None:
    output = kubectl("exec", f"deployment/{NAME}", *PYTHON, _WRITE)
    assert output.split() == ["10001", str(errno.EROFS)]


def test_the_autoscaler_knows_its_deployment(deployed: None) -> None:
    autoscaler = json.loads(kubectl("get", "hpa", NAME, "-o", "json"))
    deadline = time.monotonic() + 60
    while not autoscaler["status"].get("conditions") and time.monotonic() < deadline:
        time.sleep(2)
        autoscaler = json.loads(kubectl("get", "hpa", NAME, "-o", "json"))
    conditions = {c["type"]: c["status"] for c in autoscaler["status"]["conditions"]}
    assert conditions["AbleToScale"] == "True"


def test_a_rollout_loses_no_request(deployed: None) -> None:
    """New pods become ready before old ones get SIGTERM; those drain."""
    body = (REPOSITORY / "serving/example.json").read_text()
    ask("/predict", body)
    kubectl(
        *("run", "client", f"--image={IMAGE}", "--image-pull-policy=Never", "--restart=Never"),
        *("--command", *PYTHON, _ASK_ON, url("/predict"), body),
    )
    kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    kubectl("apply", "-f", "-", stdin=manifests(SERVING_MAX_ROWS="9000"))
    kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=180s")
    kubectl("wait", "pod/client", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    n, failed = json.loads(kubectl("logs", "client"))
    assert failed == []
    assert n > 100
