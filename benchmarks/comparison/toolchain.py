"""What a toolchain is to the comparison; each folder of benchmarks/toolchains defines one."""

from __future__ import annotations

import hashlib
import importlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.workload import Workload

FOLDER = Path(__file__).resolve().parents[1] / "toolchains"

Argv = Sequence[str]


class Unit(StrEnum):
    """What a task is to a toolchain."""

    COMMAND = "command"
    FUNCTION = "function"


class Skips(StrEnum):
    """How a toolchain finds out that a task need not run again."""

    CONTENT = "by content"
    TIME = "by file times"
    NOTHING = "no"


def applies_always(workload: Workload) -> str:  # noqa: ARG001  the signature of `refusal`
    """Return that a toolchain can run every workload."""
    return ""


def read_outs(project: Path, graph: Graph) -> dict[str, str]:
    """Return path -> md5 of each out in the workspace; a folder's md5 covers names and contents."""
    return {out: md5_of(project / out) for task in graph.tasks for out in task.outs}


def md5_of(path: Path) -> str:
    """Return the md5 of a file or folder; empty if it is missing."""
    if path.is_dir():
        files = sorted(
            file for file in path.rglob("*") if file.is_file() and file.name != ".gitignore"
        )
        parts = [f"{file.relative_to(path)} {md5_of(file)}" for file in files]
        return hashlib.md5("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _create_md5).hexdigest()


def _create_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


@dataclass(frozen=True)
class Toolchain:
    """A toolchain: how a user writes a graph for it, and how the user runs it.

    Parameters
    ----------
    package
        Its name on the package index; empty for a program of the system.
    write
        Writes what a user of the toolchain writes, into a project that has the sources. Not timed.
    commands
        Returns the commands that run the graph, from the number of parallel jobs; timed together.
    rewrite
        Writes again what depends on the graph, after tasks were added to dvc.yaml; None for
        toolchains that read dvc.yaml. Not timed.
    resume_commands
        Returns the commands that continue after a failure, if they are not the same.
    version_command
        Prints the version of a program of the system.
    recover_commands
        Returns the commands that continue after a kill, if they are not those after a failure.
    ask_commands
        Returns the commands that say what changed, without running it; None if there are none.
    user_files
        The files that a user writes, as patterns of `Path.glob`; their lines are counted.
    refusal
        Returns why the toolchain cannot run a workload; empty if it can.
    outs
        Returns the md5 of each out after a run.
    environment
        Environment variables that its users would set.
    cluster
        The environment variable that names the cluster it needs; empty if it needs none.
    runs_dvc_bridge
        Whether its samples depend on the code of dvc_bridge.
    """

    title: str
    unit: Unit
    skips: Skips
    write: Callable[[Graph, Path, int], None]
    commands: Callable[[Graph, int], Sequence[Argv]]
    rewrite: Callable[[Graph, Path, int], None] | None = None
    resume_commands: Callable[[Graph, int], Sequence[Argv]] | None = None
    recover_commands: Callable[[Graph, int], Sequence[Argv]] | None = None
    ask_commands: Callable[[Graph, int], Sequence[Argv]] | None = None
    user_files: Sequence[str] = ()
    package: str = ""
    version_command: Argv = ()
    refusal: Callable[[Workload], str] = applies_always
    outs: Callable[[Path, Graph], dict[str, str]] = read_outs
    environment: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    runs_dvc_bridge: bool = False
    about: str = ""


# The order of the report: floor, build tools, DVC, dvc-bridge, other frameworks, clusters.
NAMES = (
    "plain_python",
    "make",
    "ninja",
    "dvc_repro",
    "dvc_repro_by_hand",
    "dvc_exp_queue",
    "dvc_bridge_repro",
    "dvc_bridge_processes",
    "dvx",
    "snakemake",
    "metaflow",
    "metaflow_by_hand",
    "metaflow_generated",
    "prefect",
    "dagster",
    "dvc_bridge_argo",
    "argo_by_hand",
    "metaflow_kubernetes",
    "metaflow_argo",
    "metaflow_generated_kubernetes",
    "dvc_bridge_argo_tuned",
    "argo_by_hand_tuned",
    "metaflow_argo_tuned",
    "dvc_bridge_slurm",
    "klej",
    "slurm_by_hand",
)


def load_toolchains() -> dict[str, Toolchain]:
    """Return name of the folder -> toolchain, in the order of the report."""
    return {
        name: importlib.import_module(f"benchmarks.toolchains.{name}.toolchain").TOOLCHAIN
        for name in NAMES
    }


def copy_script(name: str, script: str, project: Path) -> None:
    """Copy a script from a toolchain's folder into a project."""
    shutil.copyfile(FOLDER / name / script, project / script)
