"""Faults during a run on a real cluster: pods, objects and clients that vanish.

Each time the project ends as after `dvc repro`; or there is a clear failure, and a second
`dvc-bridge submit --wait` ends there. Needs what test_submit.py needs. CLUSTER_DELETIONS says how
many pods are deleted (10), CLUSTER_SEED from which seed the random moments come. The files with the
process ids of Argo's controller and of the S3 server, CLUSTER_CONTROLLER_PID_FILE and
CLUSTER_S3_PID_FILE, let tests kill the one and halt the other; without them these are skipped.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from dvc_bridge.pipeline.result import Result, parse_result
from tests.cluster.client import Client, assert_as_dvc, assert_ends_well, submitted
from tests.cluster.conftest import all_keys, kubectl
from tests.cluster.moments import bucket_client
from tests.cluster.projects import CHAIN, LAYERS, edit, make
from tests.cluster.servers import Server
from tests.cluster.test_submit import NEEDED

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
SUBMIT = ("submit", "--wait", "--fuse", "none")
# The maximum number of deletions per group and run, since a pod has three attempts.
OFTEN = 2
NODE = r"{.annotations.workflows\.argoproj\.io/node-name}"


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = os.environ.get("CLUSTER_SEED") or str(time.time_ns())
    print(f"CLUSTER_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def layers(tmp_path: Path, bucket: str) -> Path:
    return make(tmp_path / "ours", bucket, LAYERS)


@pytest.fixture
def chain(tmp_path: Path, bucket: str) -> Path:
    return make(tmp_path / "ours", bucket, CHAIN)


def test_pods_deleted_at_random_moments_leave_what_dvc_repro_leaves(
    layers: Path, chance: random.Random
) -> None:
    deleted, healed, wanted = 0, 0, int(os.environ.get("CLUSTER_DELETIONS", "10"))
    while deleted < wanted:
        edit(layers, f"{deleted}\n")
        before: Counter[str] = Counter()
        with Client(layers, *SUBMIT) as client:
            client.until(lambda: client.run)
            pause_s = chance.uniform(2, 8)
            while client.lives and deleted < wanted:
                time.sleep(chance.uniform(0, 2 * pause_s))
                deleted += _delete_one(client.run, chance, before)
            healed += client.ended() != 0
            assert_ends_well(layers, client)
    print(f"{deleted} pods deleted; a second command was needed {healed} times")


def _delete_one(run: str | None, chance: random.Random, before: Counter[str]) -> int:
    going = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"
    fields = f"{{.name}}|{NODE}|{{.deletionTimestamp}}"
    shown = f'-o=jsonpath={{range .items[*].metadata}}{fields}{{"\\n"}}{{end}}'
    lines = kubectl("get", "pods", "-l", f"workflows.argoproj.io/workflow={run}", going, shown)
    pods = [line.split("|") for line in lines.splitlines()]
    alive = [(name, node.partition("(")[0]) for name, node, deleted in pods if not deleted]
    if not (left := [(name, group) for name, group in alive if before[group] < OFTEN]):
        return 0
    name, group = chance.choice(left)
    grace = chance.choice(["--grace-period=0 --force", "--grace-period=1", "--now=false"])
    command = ["kubectl", "delete", "pod", "--wait=false", *grace.split(), name]
    done = subprocess.run(command, capture_output=True).returncode == 0  # it may have ended
    before[group] += done
    return done


@pytest.mark.parametrize("how", ["changed", "removed"])
@pytest.mark.parametrize("what", ["file", "listing", "inside"])
def test_a_damaged_object_that_a_pod_reads_is_named_with_a_stage_and_made_again(
    chain: Path, what: str, how: str
) -> None:
    maker = "file" if what == "file" else "folder"
    with Client(chain, *SUBMIT) as client:
        md5 = _made(chain, client, maker)
        if what == "inside":
            md5 = _inside(chain, md5)
        _spoil(chain, md5, how)
        assert client.ended() == 3, client.printed
        assert md5 in client.printed
        assert any(f"{name}: " in client.printed for name in (maker, "use"))
        assert_ends_well(chain, client)


@pytest.mark.parametrize("moment", ["submit", "watch", "merge"])
def test_a_client_that_is_killed_loses_nothing(
    layers: Path, chance: random.Random, moment: str
) -> None:
    with Client(layers, *SUBMIT) as client:
        if moment != "submit":
            assert client.until(lambda: client.run), client.printed
        if moment == "merge":
            assert client.until(lambda: _succeeded(client.run)), client.printed
        time.sleep(chance.uniform(0, {"submit": 5, "watch": 40, "merge": 1.5}[moment]))
        client.kill()
    submitted(layers, "--fuse", "none")
    assert_as_dvc(layers)


def test_a_controller_that_is_killed_and_comes_back_goes_on_with_the_run(layers: Path) -> None:
    controller = Server("CLUSTER_CONTROLLER_PID_FILE")
    with Client(layers, *SUBMIT) as client:
        assert client.until(lambda: re.search(r"part\S*: running", client.printed)), client.printed
        controller.restart(away_s=5)
        assert_ends_well(layers, client)


@pytest.mark.parametrize("moment", ["submit", "run"])
def test_after_a_store_that_is_silent_for_20_s_the_run_ends_well(layers: Path, moment: str) -> None:
    store = Server("CLUSTER_S3_PID_FILE")
    with Client(layers, *SUBMIT) as client:
        if moment == "run":
            assert client.until(lambda: re.search(r"part\S*: running", client.printed)), (
                client.printed
            )
        time.sleep(3)
        with store.halted():
            time.sleep(20)
        assert_ends_well(layers, client)


def test_two_submits_of_the_same_workspace_at_once_end_well(layers: Path) -> None:
    with Client(layers, *SUBMIT) as first, Client(layers, *SUBMIT) as second:
        first.ended()
        assert_ends_well(layers, second)
        assert_ends_well(layers, first)


def test_two_workspaces_with_the_same_remote_at_once_end_well(tmp_path: Path, layers: Path) -> None:
    other = tmp_path / "other"
    for name in ("ours", "dvc"):
        (other / name).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", tmp_path / name, other / name], check=True)
    edit(other / "ours", "other\n")
    with Client(layers, *SUBMIT) as first, Client(other / "ours", *SUBMIT) as second:
        assert_ends_well(layers, first)
        assert_ends_well(other / "ours", second)


def _succeeded(run: str | None) -> bool:
    return kubectl("get", "workflow", str(run), "-o", "jsonpath={.status.phase}") == "Succeeded"


def _remote(root: Path) -> tuple[str, str]:
    text = (root / ".dvc" / "config").read_text()
    url = text.split("url = s3://")[1].split()[0]
    bucket, _, folder = url.partition("/")
    return bucket, folder


def _read(bucket: str, key: str) -> bytes:
    return bytes(bucket_client().get_object(Bucket=bucket, Key=key)["Body"].read())


def _made(root: Path, client: Client, stage: str) -> str:
    """Wait until a stage's result is in the remote; return the md5 of its out."""
    bucket, folder = _remote(root)
    found: dict[str, Result] = {}

    def there() -> bool:
        keys = [key for key in all_keys(bucket) if key.startswith(f"{folder}/bridge/runs/")]
        results = [parse_result(_read(bucket, key)) for key in keys if "/stages/" in key]
        found.update({result.address: result for result in results})
        return stage in found

    assert client.until(there), client.printed
    return str(found[stage].entry["outs"][0]["md5"])


def _object(root: Path, md5: str) -> dict[str, str]:
    bucket, folder = _remote(root)
    return {"Bucket": bucket, "Key": f"{folder}/files/md5/{md5[:2]}/{md5[2:]}"}


def _inside(root: Path, md5: str) -> str:
    """Return the md5 of a file in a folder."""
    place = _object(root, md5)
    return str(json.loads(_read(place["Bucket"], place["Key"]))[0]["md5"])


def _spoil(root: Path, md5: str, how: str) -> None:
    if how == "removed":
        bucket_client().delete_object(**_object(root, md5))
    else:
        bucket_client().put_object(**_object(root, md5), Body=b"damaged")
