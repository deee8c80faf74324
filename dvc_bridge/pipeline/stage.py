"""A pipeline as values: the stages of a project, their inputs and outputs, and the edges.

The terms are DVC's. Every `at` is a path from the project's root with `/`, an absolute path
outside the project (`..` and `../..` for the folders above), or a URL; every `path` is the name of
the same file or folder in dvc.lock, from the stage's `wdir`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import StagePosition

DVC_YAML = "dvc.yaml"


def lock_file(dvc_yaml: str) -> str:
    """Return the path of the lock file that belongs to a dvc.yaml."""
    return f"{dvc_yaml.removesuffix('.yaml')}.lock"


class StageKind(Enum):
    """Where a stage is defined, which determines how it is brought up to date."""

    STAGE = "stage"  # an entry of dvc.yaml with a command
    DATA = "data"  # a .dvc file of `dvc add`
    IMPORT = "import"  # a .dvc file that names the source of its out


@dataclass(frozen=True, slots=True)
class Dependency:
    """A file or folder that a stage reads; `local`: whether it is inside the project."""

    path: str
    at: str
    local: bool = True


@dataclass(frozen=True, slots=True)
class Params:
    """Values that a stage reads from a parameters file; empty `keys`: the whole file.

    Parameters
    ----------
    path
        The path in dvc.yaml. DVC uses it to find the file in dvc.lock.
    lock_path
        The path that DVC writes to dvc.lock, if it differs from `path`.
    """

    path: str
    at: str
    keys: tuple[str, ...] = ()
    lock_path: str = ""

    @property
    def key(self) -> str:
        """The path that DVC writes to dvc.lock."""
        return self.lock_path or self.path


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that a stage writes.

    Parameters
    ----------
    cached
        Whether DVC keeps it in its cache; false for `cache: false`.
    persist
        Whether DVC leaves it in place when the stage starts.
    shown
        Whether it is a metric or a plot: DVC's run cache keeps them even with `cache: false`.
    """

    path: str
    at: str
    local: bool = True
    cached: bool = True
    persist: bool = False
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage with its templates resolved.

    Parameters
    ----------
    file
        The dvc.yaml or .dvc file that defines it, from the root.
    name
        Its name in dvc.yaml; empty for a .dvc file.
    wdir
        The working directory of its command, from the root; `.` is the root.
    group
        The name of the foreach or matrix that generates it; empty if there is none.
    data
        The resolved entry, in the format of DVC's own loader.
    lock
        Its entry in dvc.lock (for a .dvc file: the content of the file); None if there is none.
    """

    file: str
    name: str
    kind: StageKind = StageKind.STAGE
    cmd: str | list[str] | None = None
    wdir: str = "."
    deps: tuple[Dependency, ...] = ()
    params: tuple[Params, ...] = ()
    outs: tuple[Output, ...] = ()
    frozen: bool = False
    always_changed: bool = False
    group: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)
    lock: LockEntry | None = field(default=None, compare=False)

    @property
    def reads(self) -> tuple[Dependency | Params, ...]:
        """All inputs, including parameter files, in DVC's order."""
        return (*self.deps, *self.params)

    @property
    def is_local(self) -> bool:
        """Whether all its deps and outs are inside the project."""
        return all(d.local for d in self.deps) and all(o.local for o in self.outs)

    @property
    def address(self) -> str:
        """DVC's name for it at the root: `train`, `sub/dvc.yaml:train`, `raw.csv.dvc`."""
        if not self.name:
            return self.file
        return self.name if self.file == DVC_YAML else f"{self.file}:{self.name}"

    @property
    def command_lines(self) -> list[str]:
        """The lines of its command, which a shell each runs; empty for a .dvc file."""
        return self.cmd if isinstance(self.cmd, list) else (self.cmd or "").splitlines()

    @property
    def for_pods(self) -> bool:
        """Whether a pod can run it; data, imports and frozen stages are only recorded."""
        return self.kind is StageKind.STAGE and not self.frozen

    @property
    def callback(self) -> bool:
        """Whether it is a command without deps and outs, which DVC runs each time."""
        return bool(self.cmd) and not (self.deps or self.params or self.outs)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a project in the order of DVC's index, and the edges between them.

    Parameters
    ----------
    upstream
        For each stage the positions of the stages whose outs it reads, in DVC's order of edges.
    files
        The dvc.yaml and .dvc files that were read, including files without stages.
    groups
        File and name of every foreach and matrix, including those without items.
    whole
        Whether the pipeline contains all stages of the project.
    """

    stages: tuple[Stage, ...]
    upstream: tuple[tuple[StagePosition, ...], ...]
    files: frozenset[str] = frozenset()
    groups: frozenset[tuple[str, str]] = frozenset()
    whole: bool = True

    @property
    def positions(self) -> Sequence[StagePosition]:
        """The positions of all stages, in order."""
        return [StagePosition(position) for position in range(len(self.stages))]

    def active(self, position: StagePosition) -> tuple[StagePosition, ...]:
        """Return the edges that DVC follows: a frozen stage waits for no other stage."""
        return () if self.stages[position].frozen else self.upstream[position]


def is_inside(path: str, folder: str) -> bool:
    """Return whether a path is in a folder, or is it; both are paths from the project's root."""
    return folder in (path, ".") or path.startswith(f"{folder}/")


def overlap(read: str, written: str) -> bool:
    """Whether one path is inside the other; `read` may be the root or a folder above it."""
    if not read.strip("./"):
        return True
    return read == written or read.startswith(f"{written}/") or written.startswith(f"{read}/")
