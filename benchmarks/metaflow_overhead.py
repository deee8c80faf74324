"""Compare Metaflow flows with and without DVC stages; print a table, write every sample as JSON.

Measures what `@dvc_stage` adds to a step whose result DVC has, and a generated flow against a
handwritten one of the same shape. Wall and CPU seconds are those of the process with all its
children. With CLUSTER_S3_ENDPOINT and AWS keys set, it also measures the bytes of the template.
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

OUT = Path(__file__).parent / "out" / "metaflow_overhead.json"
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
    """Return a flow of `STEPS` consecutive steps, with stages or empty."""
    text = HEAD.format(
        name=name, begin="self.dvc = begin_run(ROOT)" if stages else "pass", first="s0"
    )
    for n in range(STEPS):
        next_step = f"s{n + 1}" if n + 1 < STEPS else "end"
        if stages:
            text += f'    @dvc_stage(stage="s{n}")\n'
        body = f'sh("cat o{n - 1} > o{n}")' if stages else "pass"
        text += (
            f"    @step\n    def s{n}(self):\n        {body}\n        self.next(self.{next_step})\n"
        )
    return f"{text}    @step\n    def end(self):\n        pass\n\n{name}()\n"


def diamond() -> str:
    """Return the handwritten flow of the diamond: a stage, a foreach, a join."""
    # In start, since the body of a restored step does not run.
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
    """Return the stages of the chain."""
    return {
        f"s{n}": {
            "cmd": f"cat {f'o{n - 1}' if n else 'raw'} > o{n}",
            "deps": [f"o{n - 1}" if n else "raw"],
            "outs": [f"o{n}"],
        }
        for n in range(STEPS)
    }


def stages_of_diamond() -> dict[str, Any]:
    """Return the stages of the diamond."""
    parts = [f"part{n}" for n in range(WIDTH)]
    return {
        "first": {"cmd": "cat raw > first", "deps": ["raw"], "outs": ["first"]},
        **{p: {"cmd": f"cat first > {p}", "deps": ["first"], "outs": [p]} for p in parts},
        "last": {"cmd": "cat part* > last", "deps": parts, "outs": ["last"]},
    }


def create_project(folder: Path, stages: dict[str, Any], flows: dict[str, str]) -> Path:
    """Create a project with a remote."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (folder / "raw").write_text("raw\n")
    for name, text in flows.items():
        (folder / name).write_text(text)
    run_python(folder, "-m", "dvc", "init", "--no-scm", "-q")
    run_python(folder, "-m", "dvc", "remote", "add", "-q", "-d", "store", str(folder / "remote"))
    return folder


def run_python(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run Python in a folder; it must succeed. Return its wall and CPU seconds."""
    start_s, start = time.monotonic(), os.times()
    env = {**os.environ, "METAFLOW_USER": "bench", "METAFLOW_HOME": str(folder / "home")}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, check=False
    )
    if process.returncode:
        sys.exit((process.stdout + process.stderr).decode())
    end = os.times()
    cpu_s = end.children_user + end.children_system - start.children_user - start.children_system
    return time.monotonic() - start_s, cpu_s


def delete_results(folder: Path) -> None:
    """Delete all results from DVC and Metaflow."""
    for name in (".dvc/cache", "remote", ".metaflow"):
        shutil.rmtree(folder / name, ignore_errors=True)


def measure(
    rows: dict[str, Callable[[], tuple[float, float]]],
) -> dict[str, dict[str, list[float]]]:
    """Run the rows in turns."""
    samples: dict[str, dict[str, list[float]]] = {
        name: {"wall_s": [], "cpu_s": [], "load": []} for name in rows
    }
    for number in range(ROUNDS):
        for name, run in rows.items():
            print(f"round {number + 1} of {ROUNDS}: {name}", file=sys.stderr)
            samples[name]["load"].append(os.getloadavg()[0])
            wall_s, cpu_s = run()
            samples[name]["wall_s"].append(wall_s)
            samples[name]["cpu_s"].append(cpu_s)
    return samples


def template_bytes(folder: Path, flow: str) -> int | None:
    """Return the size of a flow's Argo template; None without an S3 server to deploy from."""
    endpoint = os.environ.get("CLUSTER_S3_ENDPOINT")
    if not endpoint:
        return None
    import botocore.session  # noqa: PLC0415  not for every benchmark

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
    process = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True)
    return len(json.dumps(json.loads(process.stdout), separators=(",", ":")))


def main() -> None:
    """Measure, print the table, write the samples."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        flows = {
            "plain.py": chain("Plain", stages=False),
            "stages.py": chain("Restored", stages=True),
        }
        chain_root = create_project(work / "chain", stages_of_chain(), flows)
        diamond_root = create_project(work / "diamond", stages_of_diamond(), {"hand.py": diamond()})
        run_python(
            diamond_root, "-m", "dvc_bridge", "flow", "-o", "generated.py", "--name", "Generated"
        )
        run_python(chain_root, "-m", "dvc", "repro", "-q")

        def cold(flow: str) -> tuple[float, float]:
            delete_results(diamond_root)
            return run_python(diamond_root, flow, "--no-pylint", "run")

        def restored(flow: str) -> tuple[float, float]:
            return run_python(diamond_root, flow, "--no-pylint", "run")

        sizes = {flow: template_bytes(diamond_root, flow) for flow in ("hand.py", "generated.py")}
        samples = measure(
            {
                f"{STEPS} plain steps": lambda: run_python(
                    chain_root, "plain.py", "--no-pylint", "run"
                ),
                f"{STEPS} @dvc_stage steps, restored": lambda: run_python(
                    chain_root, "stages.py", "--no-pylint", "run"
                ),
                f"dvc repro, {STEPS} stages, unchanged": lambda: run_python(
                    chain_root, "-m", "dvc", "repro"
                ),
                "diamond by hand, cold": lambda: cold("hand.py"),
                "diamond by hand, restored": lambda: restored("hand.py"),
                "diamond generated, cold": lambda: cold("generated.py"),
                "diamond generated, restored": lambda: restored("generated.py"),
            }
        )
    report(samples, sizes)


def report(samples: dict[str, dict[str, list[float]]], sizes: dict[str, int | None]) -> None:
    """Print the table, and write every sample."""
    for name, values in samples.items():
        wall_s, cpu_s = median(values["wall_s"]), median(values["cpu_s"])
        load = max(values["load"])
        print(f"{name:36} {wall_s:6.2f} s wall {cpu_s:6.2f} s CPU   load {load:.1f}")
    plain, restored = list(samples)[:2]
    for kind in ("wall_s", "cpu_s"):
        difference_s = median(samples[restored][kind]) - median(samples[plain][kind])
        ms_per_step = difference_s / STEPS * 1000
        print(f"@dvc_stage, {kind}: {ms_per_step:.0f} ms per step (target: {DECORATOR_MS})")
    for state in ("cold", "restored"):
        for kind in ("wall_s", "cpu_s"):
            generated, hand = (
                median(samples[f"diamond {author}, {state}"][kind])
                for author in ("generated", "by hand")
            )
            print(f"generated / by hand, {state}, {kind}: {generated / hand:.2f} (target: 1)")
    print(f"bytes of Argo's template: {sizes}")
    OUT.parent.mkdir(exist_ok=True)
    document = {"python": platform.python_version(), "template_bytes": sizes, "samples": samples}
    OUT.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
