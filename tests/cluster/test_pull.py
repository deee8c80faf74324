"""`repro --pull` in a fresh clone, with what it downloads counted at the S3 server."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from benchmarks.argo.traffic_proxy import Proxy
from tests.cluster.client import dvc
from tests.cluster.projects import make
from tests.support.commands import bridge, git

NEEDED = ("KUBECONFIG", "CLUSTER_S3_ENDPOINT", "BRIDGE_IMAGE")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]

LARGE = "0123456789abcdef" * 65536
STAGES = """\
stages:
  split:
    cmd: mkdir -p parts; cp raw parts/large; echo small > parts/small
    deps: [raw]
    outs: [parts]
  copy:
    cmd: cp parts/large copied
    deps: [parts/large]
    outs: [copied]
  last:
    cmd: cat parts/small code > end
    deps: [parts/small, code]
    outs: [end]
"""


def test_a_change_at_the_last_stage_downloads_only_the_deps_of_that_stage(
    tmp_path: Path, bucket: str
) -> None:
    root = make(tmp_path / "project", bucket, STAGES)
    (root / "raw").write_text(LARGE)
    (root / "code").write_text("1\n")
    dvc(root, "repro", "--quiet")
    dvc(root, "push", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    shutil.rmtree(root)
    clone = tmp_path / "clone"
    (clone / "code").write_text("2\n")
    with Proxy(os.environ["CLUSTER_S3_ENDPOINT"]) as proxy:
        dvc(clone, "remote", "modify", "--local", "store", "endpointurl", proxy.endpoint)
        printed = bridge(clone, "repro", "--pull", "--allow-missing")
    assert "1 ran, 2 unchanged" in printed
    assert (clone / "end").read_text() == "small\n2\n"
    gets = [request for request in proxy.requests if request.method == "GET"]
    downloads = {get.path: get.received_bytes for get in gets if "list-type" not in get.path}
    files = {path: size for path, size in downloads.items() if not path.endswith(".dir")}
    assert list(files.values()) == [len("small\n")]
    assert hashlib.md5(b"small\n", usedforsecurity=False).hexdigest()[2:] in next(iter(files))
    assert sum(downloads.values()) < 1000
