"""Run one pipeline in seven ways, and check that every out has the same md5.

The pipeline is this repository's own, each time in a clone of its own and from nothing. Needs what
test_metaflow.py needs. The table goes to benchmarks/out/seven.md. Half an hour on two cores.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl, settings
from tests.cluster.flows import (
    ON_PODS,
    clone,
    ended,
    flow,
    locked,
    phase,
    read,
    run_id,
    start,
    until,
)
from tests.cluster.test_submit import NEEDED
from tests.conftest import REPOSITORY
from tests.support.commands import bridge

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
TABLE = REPOSITORY / "benchmarks" / "out" / "seven.md"
Md5s = dict[str, str]


def dvc_repro(root: Path, _bucket: str) -> Md5s:
    dvc(root, "repro", "--force")
    return locked(root)


def bridge_repro(root: Path, _bucket: str) -> Md5s:
    bridge(root, "repro", "--force", "-j", "2")
    return locked(root)


def submit(root: Path, bucket: str) -> Md5s:
    (root / "dvc-bridge.yaml").write_text(settings(bucket))
    bridge(root, "submit", "--force", "--wait", "--plain")
    return locked(root)


def metaflow_here(root: Path, _bucket: str) -> Md5s:
    run = run_id(flow(root, "--datastore", "local", "run", "--force"))
    bridge(root, "sync", f"TrainFlow/{run}")
    return locked(root)


def metaflow_pods(root: Path, _bucket: str) -> Md5s:
    return dict(read(root, run_id(flow(root, *ON_PODS, "--force")))["outs"])


def argo(root: Path, _bucket: str) -> Md5s:
    return dict(read(root, _on_argo(root, "flows/train.py", "trainflow"))["outs"])


def generated(root: Path, _bucket: str) -> Md5s:
    bridge(root, "flow", "--name", "SevenFlow", "-o", "seven/flow.py")
    run = _on_argo(root, "seven/flow.py", "sevenflow")
    printed = ended(start(root, "-m", "dvc_bridge", "sync", f"SevenFlow/{run}"))
    assert f"SevenFlow/{run}" in printed
    return locked(root)


def _on_argo(root: Path, file: str, name: str) -> str:
    """Deploy, trigger and wait; every stage runs again."""
    ended(start(root, file, "--no-pylint", "argo-workflows", "create"))
    trigger = start(root, file, "--no-pylint", "argo-workflows", "trigger", "--force")
    run = run_id(ended(trigger))
    workflow = run.removeprefix("argo-")
    until(lambda: phase(workflow) not in ("", "Pending", "Running"))
    assert phase(workflow) == "Succeeded"
    kubectl("delete", "workflowtemplate", name)
    kubectl("delete", "workflow", workflow)
    return run


WAYS: dict[str, Callable[[Path, str], Md5s]] = {
    "dvc repro": dvc_repro,
    "dvc-bridge repro": bridge_repro,
    "dvc-bridge submit": submit,
    "flows/train.py run": metaflow_here,
    "run --with kubernetes": metaflow_pods,
    "argo-workflows": argo,
    "dvc-bridge flow on Argo": generated,
}


def test_every_out_has_the_same_md5_by_all_seven_ways(bucket: str, tmp_path: Path) -> None:
    found: dict[str, Md5s] = {}
    for number, (way, made) in enumerate(WAYS.items()):
        root = clone(bucket, tmp_path / str(number))
        (root / "dvc.lock").unlink()  # so that its later content comes from this run
        found[way] = made(root, bucket)
        print(f"{way}: {len(found[way])} outs", file=sys.stderr, flush=True)
        _write(found)
    expected = found["dvc repro"]
    assert expected
    for way, md5s in found.items():
        assert md5s == expected, way


def _write(found: dict[str, Md5s]) -> None:
    """Write a table with a row per out, a column per way, and eight digits of each md5."""
    head = ["out", *found]
    lines = [head, ["---"] * len(head)]
    outs = sorted({out for md5s in found.values() for out in md5s})
    lines += [[out, *(md5s.get(out, "")[:8] for md5s in found.values())] for out in outs]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))
