"""Projects to run, and the commands that run them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.argo.space import Space, variables

DVC = (sys.executable, "-m", "dvc")
BRIDGE = (sys.executable, "-m", "dvc_bridge")
Stages = Mapping[str, Mapping[str, Any]]
_numbers = itertools.count(1)


class Ended(NamedTuple):
    """A command that has ended: seconds, of the whole process with its children."""

    wall_s: float
    cpu_s: float
    printed: str


def command(words: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command that must succeed."""
    begin = time.monotonic()
    with (folder.parent / f"{folder.name}.printed").open("w+") as out:
        process = subprocess.Popen(
            words, cwd=folder, env=variables(env or {}), stdout=out, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} exited with {process.returncode}:\n{printed}")
    return Ended(wall_s, usage.ru_utime + usage.ru_stime, printed)


def project(
    space: Space, name: str, stages: Stages, *, argo: str = "", url: str = "", endpoint: str = ""
) -> Path:
    """Make a project with a remote of its own.

    Parameters
    ----------
    argo
        More settings of its pods.
    url, endpoint
        Of the remote; default: a folder of the bucket.
    """
    root = space.folder / f"{space.name}-{name}"
    root.mkdir()
    for words in (["git", "init", "--quiet"], [*DVC, "init", "--quiet"]):
        command(words, root)
    options = {"url": url or f"s3://{space.name}/{name}"}
    if options["url"].startswith("s3://"):
        options |= {"endpointurl": endpoint or space.endpoint, "region": "us-east-1"}
    lines = [f"    {key} = {value}" for key, value in options.items()]
    config = ["[core]", "    remote = store", "['remote \"store\"']", *lines, ""]
    (root / ".dvc" / "config").write_text("\n".join(config))
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}, indent=1))
    (root / "in").write_text("in\n")
    settings = f"image: '{space.image}', image_pull_policy: Never, secrets: [{space.name}]{argo}"
    (root / "dvc-bridge.yaml").write_text(f"argo: {{{settings}}}\n")
    renew(root)
    return root


def renew(root: Path) -> None:
    """Change the parameter, so that what depends on it has never been run anywhere."""
    (root / "params.yaml").write_text(f"p: {next(_numbers)}\n")


def submit(root: Path, *more: str) -> Ended:
    """Run a project as pods to the end."""
    return command([*BRIDGE, "submit", "--wait", *more], root)


def run_name(ended: Ended) -> str:
    """Give the run that `submit` has started."""
    return ended.printed.split("\nrun ")[1].split(":")[0]


def layered(rows: int, width: int, cmd: str) -> dict[str, dict[str, Any]]:
    """Give stages in rows, each reading two outs of the row before.

    Parameters
    ----------
    cmd
        What each runs; `{out}` is what it makes.
    """

    def stage(row: int, column: int) -> dict[str, Any]:
        near = {column, (column + 1) % width}
        deps = [f"o{row - 1}-{c}" for c in sorted(near)] if row else ["in"]
        out = f"o{row}-{column}"
        return {"cmd": cmd.format(out=out), "deps": deps, "params": ["p"], "outs": [out]}

    return {f"s{r}-{c}": stage(r, c) for r, c in _places(rows, width)}


def _places(rows: int, width: int) -> Iterator[tuple[int, int]]:
    return itertools.product(range(rows), range(width))
