"""Write the data of this folder with an older version: `python -m tests.old_version.write PYTHON`.

PYTHON is the interpreter of an environment with that version. README.md says more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.old_version.data import DATA, FOLDER, REPOSITORY_URL, replace_text
from tests.support.kubernetes_api import serving, worker_commands

# `aside` evaluates a variable, by which it fails or kills the run.
STAGES = {
    "base": {"cmd": "tr a-z A-Z < words > base", "deps": ["words"], "outs": ["base"]},
    "folder": {
        "cmd": "mkdir -p d && cp base d/run && chmod +x d/run",
        "deps": ["base"],
        "outs": ["d"],
    },
    "count": {
        "cmd": "wc -c < d/run > count && echo '{\"auc\": 0.5}' > auc.json",
        "deps": ["d"],
        "params": ["p"],
        "outs": ["count"],
        "metrics": [{"auc.json": {"cache": False}}],
    },
    "aside": {
        "cmd": 'eval "$BEFORE" && cat words > aside',
        "deps": ["words"],
        "outs": [{"aside": {"push": False}}],
    },
}
# Every key that the version knows.
SETTINGS = """\
argo:
  image: registry.example.org/team/pipeline:1
  image_pull_policy: IfNotPresent
  namespace: team
  service_account: runner
  secrets: [s3-creds]
  user: any
  fuse: none
  parallelism: 4
stages:
  "*":
    timeout: 30m
    retries: 3
  base:
    mutex: disk
  "co*":
    mutex: [disk, gpu]
    image: registry.example.org/team/count:2
    cpu: 500m
    memory: 1Gi
    gpu: 1
    timeout: 3600
    node_selector: {disk: ssd}
    tolerations:
      - {key: gpu, operator: Exists, effect: NoSchedule, tolerationSeconds: 60}
    secret_env: count-key
"""
FLOW = """\
import json
import subprocess
from pathlib import Path

from metaflow import FlowSpec, step

from dvc_bridge.metaflow import begin_run, dvc_stage, workspace

ROOT = Path(__file__).parent


class Decorated(FlowSpec):
    @step
    def start(self):
        self.dvc = begin_run(ROOT)
        self.next(self.base, self.aside)

    @dvc_stage(stage="base")
    @step
    def base(self):
        self.execute("base")
        self.next(self.folder)

    @dvc_stage(stage="folder")
    @step
    def folder(self):
        self.execute("folder")
        self.next(self.count)

    @dvc_stage(stage="count")
    @step
    def count(self):
        self.execute("count")
        self.next(self.join)

    @dvc_stage(stage="aside")
    @step
    def aside(self):
        self.execute("aside")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

    def execute(self, name):
        command = json.loads((ROOT / "dvc.yaml").read_text())["stages"][name]["cmd"]
        subprocess.run(command, shell=True, check=True, cwd=workspace())


if __name__ == "__main__":
    Decorated()
"""
READ_SETTINGS = """\
import dataclasses, json, sys, yaml
from dvc_bridge.plan.settings import settings_of
settings = settings_of(yaml.safe_load(sys.stdin))
pods = {name: dataclasses.asdict(settings.pod(name)) for name in ("base", "count")}
argo = dataclasses.asdict(settings.argo)
argo["fuse"] = argo["fuse"].value
print(json.dumps({"argo": argo, "pods": pods, "mutexes": settings.mutexes}, indent=1))
"""
START, END = "2026-11-24T16:40:10Z", "2026-11-24T16:40:52Z"


class OldVersion:
    """An environment with an older version, and the folder of a project and its remote."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python, self.folder, self.root = python, folder, folder / "project"

    def python(self, *args: str, cwd: Path | None = None, code: int = 0, **env: str) -> str:
        """Run the interpreter, check the exit code, and return the standard output."""
        done = subprocess.run(
            [self._python, *args],
            cwd=cwd or self.root,
            env={**os.environ, "METAFLOW_USER": "tester", "BEFORE": "", "SHELL": "/bin/sh", **env},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def bridge(self, *args: str, **options: Any) -> str:
        """Run dvc-bridge."""
        return self.python("-m", "dvc_bridge", *args, **options)

    def run_flow(self, file: str, name: str) -> None:
        """Run a flow with the project's own datastore; write the id of the run to a file."""
        (self.root / ".metaflow").mkdir()
        run_id = str(self.folder / name)
        self.python(file, "--no-pylint", "--quiet", "run", "--run-id-file", run_id)

    def make_project(self) -> None:
        """Create a project in git whose first stage has run."""
        self.root.mkdir()
        git(self.root, "init", "--quiet", "--initial-branch=main")
        self.python("-m", "dvc", "init", "--quiet")
        with (self.root / ".dvc" / "config").open("a") as config:
            config.write(
                "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../remote\n"
            )
        files = {
            "words": "abba\n",
            "params.yaml": "p: 1\n",
            "dvc.yaml": json.dumps({"stages": STAGES}),
            "dvc-bridge.yaml": SETTINGS,
            "flow.py": FLOW,
        }
        for name, text in files.items():
            (self.root / name).write_text(text)
        self.python("-m", "dvc", "repro", "--quiet", "base")
        (self.root / ".git/info/exclude").write_text(".metaflow\n")
        git(self.root, "add", ".")
        git(self.root, "commit", "--quiet", "-m", "1")

    def work(self, workflow: Mapping[str, Any], tasks: Iterable[str], **options: Any) -> None:
        """Run tasks of a Workflow, each in a folder of its own."""
        for name, reference, variables in worker_commands(workflow):
            if name in tasks:
                with tempfile.TemporaryDirectory() as pod:
                    env = {**variables, "HOME": pod, "TMPDIR": pod}
                    self.bridge("worker", reference, cwd=Path(pod), **env, **options)


def git(root: Path, *args: str) -> None:
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
    subprocess.run(["git", *identity, *args], cwd=root, check=True)


def with_status(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Workflow as Argo reports it: one task has ended, one runs again, one has failed."""
    name = workflow["metadata"]["name"]

    def node(number: int, shown: str, kind: str, phase: str, **more: Any) -> dict[str, Any]:
        own = f"{name}-{number}"
        ended = {} if phase == "Running" else {"finishedAt": END}
        template = "run" if kind == "DAG" else f"p{min(int(shown[1]), 1)}"
        return {
            "id": name if kind == "DAG" else own,
            "name": name if kind == "DAG" else f"{name}.{shown}",
            "displayName": shown,
            "type": kind,
            "templateName": template,
            "templateScope": f"local/{name}",
            "phase": phase,
            "startedAt": START,
            **ended,
            **more,
        }

    def exit_code(code: int) -> dict[str, Any]:
        return {"outputs": {"exitCode": str(code)}}

    nodes = [
        node(0, name, "DAG", "Running"),
        node(1, "g0", "Retry", "Succeeded", children=[f"{name}-2"], **exit_code(0)),
        node(2, "g0(0)", "Pod", "Succeeded", **exit_code(0)),
        node(3, "g1", "Retry", "Running", children=[f"{name}-4", f"{name}-5"]),
        node(4, "g1(0)", "Pod", "Error", message="pod deleted"),
        node(5, "g1(1)", "Pod", "Running"),
        node(6, "g2", "Retry", "Failed", children=[f"{name}-7"], message="No more retries left"),
        node(7, "g2(0)", "Pod", "Failed", message="Error (exit code 1)", **exit_code(1)),
    ]
    metadata = {**workflow["metadata"], "creationTimestamp": START, "resourceVersion": "7"}
    status = {"phase": "Running", "startedAt": START, "nodes": {n["id"]: n for n in nodes}}
    return {**workflow, "metadata": metadata, "status": status}


def write_argo_run(old: OldVersion) -> None:
    """Write a run of a Workflow, first in flight, then finished, and a manifest of `convert`."""
    workflows: list[dict[str, Any]] = []
    with serving(old.folder, workflows):
        old.bridge("submit", KUBECONFIG=str(old.folder / "kubeconfig"))
    (workflow,) = workflows
    old.work(workflow, ["g0"])
    old.work(workflow, ["g2"], code=1, BEFORE="false")
    in_flight = old.folder / "in_flight"
    shutil.copytree(old.folder / "remote", in_flight / "remote")
    (in_flight / "workflow.json").write_text(json.dumps(with_status(workflow), indent=1) + "\n")
    old.work(workflow, ["g1", "g2"])
    old.bridge("collect", workflow["metadata"]["name"])
    shutil.copy(old.root / ".dvc/tmp/dvc-bridge/durations.json", DATA / "durations.json")
    finished = old.folder / "finished"
    shutil.copytree(old.folder / "remote", finished / "remote")
    for folder in (in_flight, finished):
        keep(old, folder, folder.name)
    manifest = old.bridge("convert", "--kind", "WorkflowTemplate", "--repo", REPOSITORY_URL)
    (DATA / "workflow_template.yaml").write_text(
        manifest.replace(str(old.folder), FOLDER), encoding="utf-8"
    )


def write_decorated_flow(old: OldVersion) -> None:
    """Write a run of a flow with @dvc_stage."""
    old.run_flow("flow.py", "decorated")
    pack(old, "decorated_flow.tar.gz", ["project/.metaflow", "project/.dvc/cache", "decorated"])


def write_generated_flow(old: OldVersion) -> None:
    """Write a generated flow, and a run of it."""
    (old.root / "dvc-bridge.yaml").unlink()  # a generated flow refuses stages with own images
    old.bridge("flow", "--name", "Generated", "-o", "generated.py")
    shutil.copy(old.root / "generated.py", DATA / "generated_flow.txt")
    old.run_flow("generated.py", "generated")
    pack(old, "generated_flow.tar.gz", ["project/.metaflow", "remote", "generated"])


def write_killed_run(old: OldVersion) -> None:
    """Write a project whose run was killed after it had recorded some stages."""
    old.bridge("repro", code=-9, BEFORE="sleep 3; kill -9 $PPID")
    (old.root / ".dvc/tmp/rwlock").unlink()  # it names a process, whose id another one may have
    pack(old, "killed_run.tar.gz", ["project"])


def keep(old: OldVersion, source: Path, name: str) -> None:
    """Keep a folder as the data `name`."""
    replace_text(source, str(old.folder), FOLDER)
    shutil.rmtree(DATA / name, ignore_errors=True)
    shutil.copytree(source, DATA / name)


def pack(old: OldVersion, name: str, members: Sequence[str]) -> None:
    """Keep files and folders as the archive `name`."""
    with tempfile.TemporaryDirectory() as folder:
        for member in members:
            source, target = old.folder / member, Path(folder, member)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
        replace_text(Path(folder), str(old.folder), FOLDER)
        with tarfile.open(DATA / name, "w:gz") as archive:
            for member in members:
                archive.add(Path(folder, member), member, filter=_without_owner)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "/.git/" in member.name and member.name.endswith(".sample"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def main(python: str) -> None:
    """Write all data."""
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        first = OldVersion(python, Path(temporary, "first"))
        first.folder.mkdir()
        first.make_project()
        git(first.root, "bundle", "create", "--quiet", str(DATA / "project.bundle"), "HEAD", "main")
        (DATA / "dvc-bridge.yaml").write_text(SETTINGS)
        (DATA / "settings.json").write_text(
            subprocess.run(
                [python, "-c", READ_SETTINGS],
                input=SETTINGS,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        )
        for write in (
            write_argo_run,
            write_decorated_flow,
            write_generated_flow,
            write_killed_run,
        ):
            folder = Path(temporary, write.__name__)
            shutil.copytree(first.folder, folder, symlinks=True)
            write(OldVersion(python, folder))


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).absolute()))  # resolving its link would leave the environment
