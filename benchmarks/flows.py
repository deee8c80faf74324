"""Flows of Metaflow beside flows with DVC's stages, in turns; the table and every sample as JSON.

What `@dvc_stage` adds to a step whose result is known, and what a generated flow takes beside one
written by hand of the same shape. Wall and CPU seconds are of the whole process with its children.
With CLUSTER_S3_ENDPOINT and AWS keys set, also the bytes of an Argo template a step.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

OUT = Path(__file__).parent / "out" / "flows.json"
STEPS, WIDTH, ROUNDS = 10, 4, 5
DECORATOR_MS = 60
HEAD = """\
import subprocess
from pathlib import Path
from metaflow import FlowSpec, card, step
from dvc_bridge.metaflow import begin_run, dvc_stage, workspace

ROOT = Path(__file__).resolve().parent

def sh(command):
    subprocess.run(command, shell=True, cwd=workspace(), check=True)

class {name}(FlowSpec):
    @step
    def start(self):
        {begin}
        self.next(self.{first})
"""


def chain(name: str, *, stages: bool) -> str:
    """Give a flow of `STEPS` steps in a row, with stages or with nothing in them."""
    text = HEAD.format(
        name=name, begin="self.dvc = begin_run(ROOT)" if stages else "pass", first="s0"
    )
    for n in range(STEPS):
        after = f"s{n + 1}" if n + 1 < STEPS else "end"
        if stages:
            text += f'    @dvc_stage(stage="s{n}")\n'
        body = f'sh("cat o{n - 1} > o{n}")' if stages else "pass"
        text += f"    @step\n    def s{n}(self):\n        {body}\n        self.next(self.{after})\n"
    return f"{text}    @step\n    def end(self):\n        pass\n\n{name}()\n"


def diamond() -> str:
    """Give a flow by hand of the diamond's shape: a stage, a foreach, a join."""
    # In start, since the body of a step that is known is not run.
    begin = f"self.dvc, self.parts = begin_run(ROOT), list(range({WIDTH}))"
    text = HEAD.format(name="Hand", begin=begin, first="first")
    return (
        text
        + """\
    @dvc_stage(stage="first")
    @step
    def first(self):
        sh("cat raw > first")
        self.next(self.part, foreach="parts")
    @dvc_stage(stage="part{input}")
    @step
    def part(self):
        sh(f"cat first > part{self.input}")
        self.next(self.last)
    @dvc_stage(stage="last")
    @step
    def last(self, inputs):
        sh("cat part* > last")
        self.next(self.end)
    @card(type="dvc_run")
    @step
    def end(self):
        pass

Hand()
"""
    )


def stages_of_chain() -> dict[str, Any]:
    """Give the stages of the chain."""
    return {
        f"s{n}": {
            "cmd": f"cat {f'o{n - 1}' if n else 'raw'} > o{n}",
            "deps": [f"o{n - 1}" if n else "raw"],
            "outs": [f"o{n}"],
        }
        for n in range(STEPS)
    }


def stages_of_diamond() -> dict[str, Any]:
    """Give the stages of the diamond."""
    parts = [f"part{n}" for n in range(WIDTH)]
    return {
        "first": {"cmd": "cat raw > first", "deps": ["raw"], "outs": ["first"]},
        **{p: {"cmd": f"cat first > {p}", "deps": ["first"], "outs": [p]} for p in parts},
        "last": {"cmd": "cat part* > last", "deps": parts, "outs": ["last"]},
    }


def project(folder: Path, stages: dict[str, Any], flows: dict[str, str]) -> Path:
    """Make a project with a remote."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (folder / "raw").write_text("raw\n")
    for name, text in flows.items():
        (folder / name).write_text(text)
    call(folder, "-m", "dvc", "init", "--no-scm", "-q")
    call(folder, "-m", "dvc", "remote", "add", "-q", "-d", "store", str(folder / "remote"))
    return folder


def call(folder: Path, *words: str) -> tuple[float, float]:
    """Run Python in a folder, where it must succeed; give its wall and CPU seconds."""
    begun, before = time.monotonic(), os.times()
    env = {**os.environ, "METAFLOW_USER": "bench", "METAFLOW_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit((done.stdout + done.stderr).decode())
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user
    return time.monotonic() - begun, cpu - before.children_system


def forget(folder: Path) -> None:
    """Have nothing be known."""
    for name in (".dvc/cache", "remote", ".metaflow"):
        shutil.rmtree(folder / name, ignore_errors=True)


def measured(
    rows: dict[str, Callable[[], tuple[float, float]]],
) -> dict[str, dict[str, list[float]]]:
    """Run the rows in turns."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"wall_s": [], "cpu_s": [], "load": []} for name in rows
    }
    for number in range(ROUNDS):
        for name, run in rows.items():
            print(f"round {number + 1} of {ROUNDS}: {name}", file=sys.stderr)
            found[name]["load"].append(os.getloadavg()[0])
            wall, cpu = run()
            found[name]["wall_s"].append(wall)
            found[name]["cpu_s"].append(cpu)
    return found


def template(folder: Path, flow: str) -> int | None:
    """Give the bytes of a flow's template; None where there is no S3 to deploy from."""
    endpoint = os.environ.get("CLUSTER_S3_ENDPOINT")
    if not endpoint:
        return None
    import botocore.session  # noqa: PLC0415

    client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
    bucket = f"bench-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=bucket)
    env = {
        **os.environ,
        "METAFLOW_USER": "bench",
        "METAFLOW_S3_ENDPOINT_URL": endpoint,
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{bucket}/m",
    }
    command = [sys.executable, flow, "--no-pylint", "--datastore=s3", "argo-workflows", "create"]
    command.append("--only-json")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True)
    return len(json.dumps(json.loads(done.stdout), separators=(",", ":")))


def main() -> None:
    """Measure, print the table, keep the samples."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        flows = {"plain.py": chain("Plain", stages=False), "stages.py": chain("Known", stages=True)}
        row = project(work / "chain", stages_of_chain(), flows)
        both = project(work / "diamond", stages_of_diamond(), {"hand.py": diamond()})
        call(both, "-m", "dvc_bridge", "flow", "-o", "made.py", "--name", "Made")
        call(row, "-m", "dvc", "repro", "-q")

        def cold(flow: str) -> tuple[float, float]:
            forget(both)
            return call(both, flow, "--no-pylint", "run")

        def known(flow: str) -> tuple[float, float]:
            return call(both, flow, "--no-pylint", "run")

        sizes = {flow: template(both, flow) for flow in ("hand.py", "made.py")}
        found = measured(
            {
                f"{STEPS} plain steps": lambda: call(row, "plain.py", "--no-pylint", "run"),
                f"{STEPS} @dvc_stage steps, known": lambda: call(
                    row, "stages.py", "--no-pylint", "run"
                ),
                f"dvc repro, {STEPS} stages, unchanged": lambda: call(row, "-m", "dvc", "repro"),
                "diamond by hand, cold": lambda: cold("hand.py"),
                "diamond by hand, known": lambda: known("hand.py"),
                "diamond generated, cold": lambda: cold("made.py"),
                "diamond generated, known": lambda: known("made.py"),
            }
        )
    show(found, sizes)


def show(found: dict[str, dict[str, list[float]]], sizes: dict[str, int | None]) -> None:
    """Print the table, and write everything."""
    for name, samples in found.items():
        wall, cpu = median(samples["wall_s"]), median(samples["cpu_s"])
        print(f"{name:36} {wall:6.2f} s wall {cpu:6.2f} s CPU   load {max(samples['load']):.1f}")
    plain, known = list(found)[:2]
    for kind in ("wall_s", "cpu_s"):
        more = (median(found[known][kind]) - median(found[plain][kind])) / STEPS * 1000
        print(f"@dvc_stage, {kind}: {more:.0f} ms a step (target: {DECORATOR_MS})")
    for state in ("cold", "known"):
        for kind in ("wall_s", "cpu_s"):
            made, hand = (
                median(found[f"diamond {by}, {state}"][kind]) for by in ("generated", "by hand")
            )
            print(f"generated / by hand, {state}, {kind}: {made / hand:.2f} (target: 1)")
    print(f"bytes of Argo's template: {sizes}")
    OUT.parent.mkdir(exist_ok=True)
    told = {"python": platform.python_version(), "template_bytes": sizes, "samples": found}
    OUT.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
