"""A store with authentication: wrong credentials on this machine, and in the Secret of the pods.

Needs what test_submit.py needs, and SeaweedFS's `weed` on PATH, which runs on this machine under
the address that CLUSTER_S3_ENDPOINT has.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl, settings
from tests.cluster.test_submit import NEEDED
from tests.support.commands import bridge

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
    pytest.mark.skipif(not shutil.which("weed"), reason="needs weed"),
]
GOOD = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "right"}
WRONG = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "wrong"}
UNKNOWN = {"AWS_ACCESS_KEY_ID": "unknown", "AWS_SECRET_ACCESS_KEY": "right"}
PORTS = ("master", "volume", "filer", "s3")
PATIENCE_S = 60


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server that accepts GOOD and no other credentials."""
    folder, host = tmp_path_factory.mktemp("weed"), urlsplit(os.environ["CLUSTER_S3_ENDPOINT"])
    one = {"accessKey": GOOD["AWS_ACCESS_KEY_ID"], "secretKey": GOOD["AWS_SECRET_ACCESS_KEY"]}
    may = ["Admin", "Read", "Write", "List"]
    config = {"identities": [{"name": "one", "credentials": [one], "actions": may}]}
    (folder / "s3.json").write_text(json.dumps(config))
    names = [f"{name}.port{kind}" for name in PORTS for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    words = [f"-{name}={port}" for name, port in ports.items()]
    words += [f"-dir={folder}", f"-ip={host.hostname}", "-ip.bind=0.0.0.0", "-filer", "-s3"]
    words += [f"-s3.config={folder / 's3.json'}", "-s3.port.lance=0", "-s3.port.iceberg=0"]
    words += ["-volume.max=50", "-master.volumeSizeLimitMB=64"]
    with (folder / "log").open("w") as log:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        server = subprocess.Popen(["weed", "server", *words], env=env, stdout=log, stderr=log)
    yield f"http://{host.hostname}:{ports['s3.port']}"
    server.kill()
    server.wait()


@pytest.fixture
def root(bucket: str, endpoint: str, tmp_path: Path) -> Iterator[Path]:
    """A project of two stages, whose pods have the wrong credentials."""
    root, name = tmp_path / "ours", f"t-{secrets.token_hex(4)}"
    made_bucket(endpoint, bucket)
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "-d", "store", f"s3://{bucket}/{name}")
    for key, value in {"endpointurl": endpoint, "region": "us-east-1"}.items():
        dvc(root, "remote", "modify", "store", key, value)
    stages = {
        "a": {"cmd": "cat raw > a", "deps": ["raw"], "outs": ["a"]},
        "b": {"cmd": "cat a > b", "deps": ["a"], "outs": ["b"]},
    }
    files = {"dvc.yaml": json.dumps({"stages": stages}), "raw": "raw\n"}
    files["dvc-bridge.yaml"] = settings(name)
    for file, text in files.items():
        (root / file).write_text(text)
    literals = [f"--from-literal={key}={value}" for key, value in WRONG.items()]
    kubectl("create", "secret", "generic", name, *literals)
    yield root
    kubectl("delete", "secret", name)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in held]


def made_bucket(endpoint: str, name: str) -> None:
    client: Any = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=GOOD["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=GOOD["AWS_SECRET_ACCESS_KEY"],
    )
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.create_bucket(Bucket=name)
        except client.exceptions.BucketAlreadyOwnedByYou:
            return
        except (BotoCoreError, ClientError):  # it is starting
            assert time.monotonic() < end
            time.sleep(0.5)
        else:
            return


@pytest.mark.parametrize("given", [WRONG, UNKNOWN, dict.fromkeys(GOOD, "")])
def test_wrong_local_credentials_are_reported_once_within_half_a_minute_and_nothing_starts(
    root: Path, given: dict[str, str]
) -> None:
    begun = time.monotonic()
    printed = bridge(root, "submit", "--wait", code=2, **given)
    assert time.monotonic() - begun < 30
    assert printed.startswith("dvc-bridge: remote store (s3://")
    assert printed.count("fix: ") == 1
    assert (
        "fix: correct its credentials (on this machine: the environment or .dvc/config.local;"
        in printed
    )
    found = bridge(root, "doctor", code=2, **given)
    assert "fix: correct its credentials" in found


def test_wrong_credentials_in_the_pods_end_the_run_with_a_message_that_logs_shows(
    root: Path,
) -> None:
    printed = bridge(root, "submit", "--wait", code=2, **GOOD)
    run = printed.split("\nrun ")[1].split(":")[0]
    try:
        assert (
            f"fix: dvc-bridge logs {run} says why; dvc-bridge retry {run} resumes the run"
            in printed
        )
        assert "; retrying" not in printed
        for words in ([run], [run, "b"]):
            shown = bridge(root, "logs", *words)
            assert "remote store (s3://" in shown
            assert "the Secret that `secrets` in" in shown
    finally:
        kubectl("delete", "workflow", run)
