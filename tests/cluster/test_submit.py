"""`dvc-bridge submit --wait` on a real cluster with Argo and an S3 remote.

Needs KUBECONFIG, CLUSTER_S3_ENDPOINT with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the account
of docs/argo-rbac.yaml, and in BRIDGE_IMAGE an image with dvc-bridge and dvc-s3.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.cluster.client import dvc
from tests.support.commands import bridge

NEEDED = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "BRIDGE_IMAGE")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]

DIAMOND = """\
stages:
  prep:
    cmd: mkdir -p data && cp raw data/x && cp tool data/run
    deps: [raw, tool]
    outs: [data]
  part:
    foreach: [a, b, ü]
    do:
      cmd:
        - ./data/run ${item} > 'part-${item}'; cat data/x >> 'part-${item}'
        - echo 1 > 'm-${item}.json'
      deps: [data/run, data/x]
      params: [p]
      outs: ['part-${item}']
      metrics:
        - 'm-${item}.json': {cache: false}
  join:
    cmd: cat part-* > joined
    deps: [part-a, part-b, part-ü]
    outs: [joined]
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with an S3 remote of its own, and a Secret for the pods."""
    root, name = tmp_path / "ours", f"t-{secrets.token_hex(4)}"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    remote = [("url", f"s3://{name}/dvc"), ("endpointurl", os.environ["CLUSTER_S3_ENDPOINT"])]
    dvc(root, "remote", "add", "-d", "store", f"s3://{name}/dvc")
    for key, value in [*remote, ("region", "us-east-1")]:
        dvc(root, "remote", "modify", "store", key, value)
    files = {"dvc.yaml": DIAMOND, "raw": "raw\n", "params.yaml": "p: 1.5\n"}
    files["tool"] = "#!/bin/sh\necho $1\n"
    files["dvc-bridge.yaml"] = (
        f"argo: {{image: '{os.environ['BRIDGE_IMAGE']}', image_pull_policy: Never,"
        f" secrets: [{name}]}}\n"
    )
    for file, text in files.items():
        (root / file).write_text(text)
    (root / "tool").chmod(0o755)
    store().mkdir(name)
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    literals = [f"--from-literal={key}={os.environ[key]}" for key in keys]
    subprocess.run(["kubectl", "create", "secret", "generic", name, *literals], check=True)
    yield root
    subprocess.run(["kubectl", "delete", "secret", name], check=True)
    store().rm(name, recursive=True)


def store() -> Any:
    """The S3 server."""
    import s3fs

    return s3fs.S3FileSystem(client_kwargs={"endpoint_url": os.environ["CLUSTER_S3_ENDPOINT"]})


def bucket_of(root: Path) -> str:
    return (root / ".dvc" / "config").read_text().split("s3://")[1].split("/")[0]


def assert_as_dvc(root: Path, sibling: Path) -> None:
    dvc(sibling, "repro", "--quiet")
    expected = project_state(sibling, sibling / ".dvc" / "cache", succeeded=True)
    actual = project_state(root, root / ".dvc" / "cache", succeeded=True)
    assert list(map(str, differences(expected, actual))) == []
    assert "up to date" in dvc(root, "status")


@pytest.mark.parametrize("fuse", ["none", "auto"])
def test_cold_nothing_changed_and_edited_runs_end_where_dvc_repro_ends(
    project: Path, fuse: str
) -> None:
    sibling = project.with_name("dvc")
    shutil.copytree(project, sibling, symlinks=True)
    assert "5 ran" in bridge(project, "submit", "--wait", "--fuse", fuse)
    assert_as_dvc(project, sibling)
    assert "no stage needs a task" in bridge(project, "submit", "--wait")
    for root in (project, sibling):
        (root / "params.yaml").write_text("p: 2\n")
    assert "3 ran" in bridge(project, "submit", "--wait", "--fuse", fuse)
    assert_as_dvc(project, sibling)


def test_a_command_that_fails_is_shown_with_its_lines_and_is_not_tried_again(project: Path) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("cat part-* >", "echo broken; exit 3; cat >"))
    printed = bridge(project, "submit", "--wait", "--fuse", "none", code=1)
    assert "join | broken" in printed
    assert "exited with 3" in printed
    (project / "dvc.yaml").write_text(text)
    assert "1 ran" in bridge(project, "submit", "--wait")


def test_another_clone_collects_a_run_that_no_client_has_waited_for(
    project: Path, tmp_path: Path
) -> None:
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, "commit", "--quiet", "-m", "x"], cwd=project, check=True)
    subprocess.run(["git", "clone", "--quiet", project, tmp_path / "clone"], check=True)
    run = bridge(project, "submit").split("\nrun ")[1].split(":")[0]
    command = ["kubectl", "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"]
    subprocess.run([*command, f"workflow/{run}"], check=True)
    assert "5 ran" in bridge(tmp_path / "clone", "collect", run)
    shutil.copytree(project, tmp_path / "dvc", symlinks=True)
    assert_as_dvc(tmp_path / "clone", tmp_path / "dvc")


def ended(run: str) -> None:
    command = ["kubectl", "wait", "--for=jsonpath={.status.phase}=Failed", "--timeout=120s"]
    subprocess.run([*command, f"workflow/{run}"], check=True)


def test_a_stopped_run_continues_with_retry_and_a_lost_object_is_made_again(project: Path) -> None:
    sibling = project.with_name("dvc")
    shutil.copytree(project, sibling, symlinks=True)
    run = bridge(project, "submit", "--fuse", "none").split("\nrun ")[1].split(":")[0]
    assert f"run {run} has not ended" in bridge(project, "retry", run, code=2)
    bridge(project, "stop", run)
    ended(run)
    printed = bridge(project, "retry", run, "--wait")
    assert f"tasks, as {run}-r1" in printed
    assert_as_dvc(project, sibling)
    assert "every stage of run" in bridge(project, "retry", run)
    md5 = yaml.safe_load((project / "dvc.lock").read_text())["stages"]["part@a"]["outs"][-1]["md5"]
    store().rm(f"{bucket_of(project)}/dvc/files/md5/{md5[:2]}/{md5[2:]}")
    assert "run " + run + ": 1 of 5 tasks, as " + run + "-r2" in bridge(project, "retry", run)


def test_gc_leaves_runs_that_go_on_and_removes_the_others_with_their_code(project: Path) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("cat part-* >", "sleep 90; cat part-* >"))
    run = bridge(project, "submit").split("\nrun ")[1].split(":")[0]
    # A run is as old as its last result, and `gc` looks at its age for some time.
    results = f"{bucket_of(project)}/dvc/bridge/runs/{run}/stages"
    for _ in range(120):
        store().invalidate_cache()
        if len(store().find(results)) == 4:
            break
        time.sleep(1)
    kept = f"run {run} is kept: it goes on"
    assert kept in bridge(project, "gc", "--days", "0", code=2)
    assert kept in bridge(project, "gc", run, code=2)
    assert "the run is still running: no result of" in bridge(project, "collect", run, code=75)
    bridge(project, "stop", run)
    ended(run)
    printed = bridge(project, "gc", "--days", "0")
    assert f"removed run {run}" in printed
    assert "removed snapshot" in printed
    left = store().find(f"{bucket_of(project)}/dvc/bridge")
    assert [name.rpartition("/")[2] for name in left] in ([], ["durations.json"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (os.environ.get("BRIDGE_IMAGE", ""), "localhost/no-such-image:1", "name an image in"),
        # The client may see the pod's own message or that the namespace lacks the Secret.
        ("secrets: [t-", "secrets: [no-such-", "in dvc-bridge.yaml"),
    ],
)
def test_a_pod_that_cannot_start_is_reported_with_a_fix(
    project: Path, old: str, new: str, said: str
) -> None:
    file = project / "dvc-bridge.yaml"
    file.write_text(file.read_text().replace(old, new))
    printed = bridge(project, "submit", "--wait", code=2)
    assert "g0 cannot start: " in printed
    assert said in printed
    bridge(project, "stop", printed.split("\nrun ")[1].split(":")[0])


def test_a_missing_bucket_is_reported_before_the_first_pod(project: Path) -> None:
    dvc(project, "remote", "modify", "store", "url", "s3://no-such-bucket-anywhere/dvc")
    for command in ("submit", "doctor"):
        printed = bridge(project, command, code=2)
        assert "s3://no-such-bucket-anywhere/dvc" in printed
        assert "the bucket" in printed.partition("fix: ")[2]
