"""A pipeline as values: the stages of a project, what each reads and writes, and who feeds whom.

Words are DVC's. Every `at` is a path from the project's root with `/`, an absolute path outside
it (`..` and `../..` for the folders above), or a URL; every `path` is what dvc.lock calls the same
thing, from the stage's `wdir`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# What dvc.lock says of a file or folder beside its path: hash, md5, size, nfiles, isexec.
Pointer = Mapping[str, Any]
# A stage as it stands in dvc.lock: cmd, deps, params, outs.
LockEntry = Mapping[str, Any]

DVC_YAML = "dvc.yaml"


def lock_file(dvc_yaml: str) -> str:
    """Return the lock file of a dvc.yaml."""
    return f"{dvc_yaml.removesuffix('.yaml')}.lock"


class StageKind(Enum):
    """Where a stage stands, and what bringing it up to date means."""

    STAGE = "stage"  # an entry of dvc.yaml with a command
    DATA = "data"  # a .dvc file of `dvc add`
    IMPORT = "import"  # a .dvc file that says where its out comes from


@dataclass(frozen=True, slots=True)
class Dependency:
    """A file or folder that a stage reads; `local` says whether it lies in the project."""

    path: str
    at: str
    local: bool = True


@dataclass(frozen=True, slots=True)
class Params:
    """Values that a stage reads from a parameters file; no `keys`: the whole file.

    Parameters
    ----------
    path
        As dvc.yaml has it. By this DVC looks for it in dvc.lock.
    lock_path
        What dvc.lock calls it, if that is not the same; DVC writes it so.
    """

    path: str
    at: str
    keys: tuple[str, ...] = ()
    lock_path: str = ""

    @property
    def key(self) -> str:
        """What dvc.lock calls it."""
        return self.lock_path or self.path


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that a stage writes.

    Parameters
    ----------
    cached
        Whether DVC keeps it in its cache (`cache: false` says no).
    persist
        Whether it stays where it is when the stage starts.
    shown
        Whether it is a metric or a plot: DVC's run cache holds those even with `cache: false`.
    """

    path: str
    at: str
    local: bool = True
    cached: bool = True
    persist: bool = False
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage, its templates resolved.

    Parameters
    ----------
    file
        The dvc.yaml or .dvc file it stands in, from the root.
    name
        Its name in dvc.yaml; empty for a .dvc file.
    wdir
        Where its command runs, from the root; `.` is the root.
    group
        The foreach or matrix that it came from; empty if none.
    data
        The resolved entry, as DVC's own loader takes it.
    lock
        Its entry in dvc.lock (for a .dvc file: the file), None if there is none.
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
        """All that it reads, parameter files too, in DVC's order."""
        return (*self.deps, *self.params)

    @property
    def is_local(self) -> bool:
        """Whether all its deps and outs lie in the project."""
        return all(d.local for d in self.deps) and all(o.local for o in self.outs)

    @property
    def address(self) -> str:
        """What DVC calls it at the root: `train`, `sub/dvc.yaml:train`, `raw.csv.dvc`."""
        if not self.name:
            return self.file
        return self.name if self.file == DVC_YAML else f"{self.file}:{self.name}"

    @property
    def for_pods(self) -> bool:
        """Whether a pod can bring it up to date: data, imports and frozen stages are recorded."""
        return self.kind is StageKind.STAGE and not self.frozen

    @property
    def callback(self) -> bool:
        """Whether it is a command without deps and outs, which DVC runs every time."""
        return bool(self.cmd) and not (self.deps or self.params or self.outs)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a project in the order of DVC's index, and the edges between them.

    Parameters
    ----------
    upstream
        For each stage the positions of those whose outs it reads, in DVC's order of edges.
    files
        The dvc.yaml and .dvc files that were read, those without stages too.
    groups
        File and name of every foreach and matrix, those without items too.
    whole
        Whether these are all stages of the project.
    """

    stages: tuple[Stage, ...]
    upstream: tuple[tuple[int, ...], ...]
    files: frozenset[str] = frozenset()
    groups: frozenset[tuple[str, str]] = frozenset()
    whole: bool = True

    def active(self, position: int) -> tuple[int, ...]:
        """The edges that DVC follows: a frozen stage waits for nobody."""
        return () if self.stages[position].frozen else self.upstream[position]


def overlap(read: str, made: str) -> bool:
    """Whether one path lies in the other; what is read may be the root or a folder above it."""
    if not read.strip("./"):
        return True
    return read == made or read.startswith(f"{made}/") or made.startswith(f"{read}/")
