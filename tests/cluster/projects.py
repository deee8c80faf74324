"""Projects for fault tests: layers of stages that take some seconds."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from tests.cluster.client import dvc
from tests.cluster.conftest import settings

# `./work 3 OUT INPUT...` takes 3 s in a pod, or PACE seconds if PACE is set.
WORK = """\
#!/bin/sh
sleep "${PACE:-$1}"; shift
out=$1; shift
find "$@" -type f | sort | xargs cat | md5sum > "$out"
"""
# 12 stages in four layers: files, a folder with a program in it, metrics that git tracks.
LAYERS = """\
stages:
  prep:
    cmd: mkdir -p data && cp work data/run && ./work 2 data/x raw
    deps: [raw, work]
    outs: [data]
  part:
    foreach: [1, 2, 3, 4, 5, 1b]
    do:
      cmd: ./data/run $(echo ${item} | tr -d b) part-${item} data/x; echo ${item} >> part-${item}
      deps: [data/run, data/x]
      outs: ['part-${item}']
  pair:
    foreach: {a: {of: part-1 part-2}, b: {of: part-3 part-4}, c: {of: part-5 part-1b}}
    do:
      cmd: ./work 3 pair-${key} ${item.of}
      deps: [work, part-1, part-2, part-3, part-4, part-5, part-1b]
      outs: ['pair-${key}']
  join:
    cmd: ./work 1 joined pair-a pair-b pair-c
    deps: [work, pair-a, pair-b, pair-c]
    outs: [joined]
  report:
    cmd: ./work 1 line joined data; echo "{\\"line\\":\\"$(cat line)\\"}" > report.json; rm line
    deps: [work, joined, data]
    metrics:
      - report.json: {cache: false}
"""
# The stages write a file, a folder with files of different content, and an out that reads both.
CHAIN = """\
stages:
  file:
    cmd: ./work 1 file.txt raw
    deps: [raw, work]
    outs: [file.txt]
  folder:
    cmd: mkdir -p folder && ./work 1 folder/a raw work && echo b > folder/b
    deps: [raw, work]
    outs: [folder]
  use:
    cmd: ./work 1 used file.txt folder
    deps: [work, file.txt, folder]
    outs: [used]
"""


def make(root: Path, bucket: str, stages: str) -> Path:
    """Create a project with its own remote, and a sibling `dvc` for DVC itself."""
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    folder = f"{bucket}/{secrets.token_hex(4)}"
    dvc(root, "remote", "add", "--quiet", "-d", "store", f"s3://{folder}")
    endpoint = os.environ["CLUSTER_S3_ENDPOINT"]
    dvc(root, "remote", "modify", "store", "endpointurl", endpoint)
    files = {"dvc.yaml": stages, "raw": "raw\n", "work": WORK}
    files["dvc-bridge.yaml"] = settings(bucket, pods=4)
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "work").chmod(0o755)
    shutil.copytree(root, root.with_name("dvc"))
    return root


def edit(root: Path, text: str) -> None:
    """Change the input of every stage, in the project and its sibling."""
    for side in (root, root.with_name("dvc")):
        (side / "raw").write_text(text)
