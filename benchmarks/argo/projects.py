"""Create projects, and run commands in them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.argo.fixture import Fixture, command_environment

DVC = (sys.executable, "-m", "dvc")
BRIDGE = (sys.executable, "-m", "dvc_bridge")
Stages = Mapping[str, Mapping[str, Any]]
_param_values = itertools.count(1)


class CommandResult(NamedTuple):
    """The output of a command, and the seconds of its process with all children."""

    wall_s: float
    cpu_s: float
    output: str


def run_command(
    argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> CommandResult:
    """Run a command that must succeed."""
    start_s = time.monotonic()
    with (folder.parent / f"{folder.name}.output").open("w+") as stream:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=command_environment(env or {}),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start_s
        process.returncode = os.waitstatus_to_exitcode(status)
        stream.seek(0)
        output = stream.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)} exited with {process.returncode}:\n{output}")
    return CommandResult(wall_s, usage.ru_utime + usage.ru_stime, output)


def create_project(
    fixture: Fixture,
    name: str,
    stages: Stages,
    *,
    argo: str = "",
    url: str = "",
    endpoint: str = "",
) -> Path:
    """Create a project with its own remote.

    Parameters
    ----------
    argo
        More settings of its pods, as YAML.
    url, endpoint
        The remote; by default a folder of the bucket.
    """
    root = fixture.folder / f"{fixture.name}-{name}"
    root.mkdir()
    for argv in (["git", "init", "--quiet"], [*DVC, "init", "--quiet"]):
        run_command(argv, root)
    options = {"url": url or f"s3://{fixture.name}/{name}"}
    if options["url"].startswith("s3://"):
        options |= {"endpointurl": endpoint or fixture.endpoint, "region": "us-east-1"}
    lines = [f"    {key} = {value}" for key, value in options.items()]
    config = ["[core]", "    remote = store", "['remote \"store\"']", *lines, ""]
    (root / ".dvc" / "config").write_text("\n".join(config))
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}, indent=1))
    (root / "in").write_text("in\n")
    settings = (
        f"image: '{fixture.image}', image_pull_policy: Never, secrets: [{fixture.name}]{argo}"
    )
    (root / "dvc-bridge.yaml").write_text(f"argo: {{{settings}}}\n")
    change_params(root)
    return root


def change_params(root: Path) -> None:
    """Change the parameter, so that stages that depend on it have never run anywhere."""
    (root / "params.yaml").write_text(f"p: {next(_param_values)}\n")


def submit(root: Path, *options: str) -> CommandResult:
    """Run a project in pods, to the end."""
    return run_command([*BRIDGE, "submit", "--wait", *options], root)


def run_name(submission: CommandResult) -> str:
    """Return the name of the run that `submit` started."""
    return submission.output.split("\nrun ")[1].split(":")[0]


def layered_stages(rows: int, width: int, cmd: str) -> dict[str, dict[str, Any]]:
    """Return stages in rows; each reads two outs of the previous row.

    Parameters
    ----------
    cmd
        The command of each stage; `{out}` is the path of its out.
    """

    def stage(row: int, column: int) -> dict[str, Any]:
        columns = {column, (column + 1) % width}
        deps = [f"o{row - 1}-{c}" for c in sorted(columns)] if row else ["in"]
        out = f"o{row}-{column}"
        return {"cmd": cmd.format(out=out), "deps": deps, "params": ["p"], "outs": [out]}

    cells = itertools.product(range(rows), range(width))
    return {f"s{row}-{column}": stage(row, column) for row, column in cells}
