"""Detect what changed since a stage's entry in dvc.lock, by DVC's own rules.

`plan` asks `changes` for all reasons, a run for the first one only. The function reads files
through a `StateReader`, so that it also works for files that do not exist yet.
The rules are those of `Stage.changed` (dvc/stage/__init__.py, dvc 3.48 to 3.67).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, lock_pointers
from dvc_bridge.pipeline.shorten import first_names, shorten_value
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage, StageKind
from dvc_bridge.planning.allow_missing import AllowMissing

# How many differences between two groups of parameters a reason names.
_SHOWN_DIFFERENCES = 3

# Returns the objects of a pointer, including the files of a folder, that DVC's cache lacks.
Lost = Callable[[Pointer], frozenset[str]]


class UndecidedError(Exception):
    """Only DVC can decide: an import, a file outside the project, or a hash of an older DVC."""


class StateReader(Protocol):
    """Reads the current state of files and folders."""

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the pointer of the file or folder; None if there is none."""

    def out(self, out: Output) -> Pointer | None:
        """Return the pointer of the file or folder; None if there is none."""

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the requested parameters that exist; None if there is no such file."""

    def kept(self, pointer: Pointer) -> bool:
        """Return whether DVC's cache contains it, with all its files."""


@dataclass(frozen=True, slots=True)
class Change:
    """One reason to run.

    Parameters
    ----------
    what
        `cmd`, `dep`, `param`, `out`, `always` or `new`.
    name
        The path, or `file:parameter`; empty for the other kinds.
    old, new
        md5s, values or commands; None if there is none.
    """

    what: str
    name: str = ""
    old: Any = None
    new: Any = None

    @property
    def is_missing_input(self) -> bool:
        """Whether a dep or a parameter that was recorded does not exist any more."""
        return self.what in {"dep", "param"} and self.new is None

    def __str__(self) -> str:
        if self.what == "new":
            return "never run (no dvc.lock entry)"
        if self.what == "always":
            return "always runs"
        subject = f"{self.what} {self.name}".rstrip()
        if self.what == "out" and self.old == self.new:
            return f"{subject} is not in the cache"
        if self.new is None:
            return f"{subject} is missing"
        if self.old is None:
            return f"{subject} is new"
        return f"{subject} changed{_describe(self.old, self.new)}"


def changes(
    stage: Stage, reader: StateReader, allow_missing: AllowMissing | None = None
) -> Iterator[Change]:
    """Yield the reasons to run the stage; if there are none, it is up to date.

    Parameters
    ----------
    allow_missing
        The rule for missing data; None: they count as changes.

    Raises
    ------
    UndecidedError
        Only DVC can decide. It is raised after all reasons that are certain.
    """
    if stage.kind not in (StageKind.STAGE, StageKind.DATA):
        raise UndecidedError
    lock = stage.lock
    if lock is None:
        if stage.frozen:
            raise UndecidedError
        yield Change("new")
        return
    undecided = False
    for comparison in _comparisons(stage, lock, reader, allow_missing):
        try:
            yield from comparison
        except UndecidedError:
            undecided = True
    if undecided:
        raise UndecidedError


def _comparisons(
    stage: Stage, lock: LockEntry, reader: StateReader, allow_missing: AllowMissing | None
) -> Iterator[Iterator[Change]]:
    yield _compare_command(stage, lock.get("cmd"))
    if stage.kind is StageKind.STAGE and not stage.frozen:
        deps = lock_pointers(lock, "deps")
        for dep in stage.deps:
            pointer = deps.get(dep.path)
            if allow_missing and dep.local and reader.dep(dep) is None:
                yield _compare_missing_dep(dep, pointer, allow_missing.recorded(stage, dep))
            else:
                yield _compare_dep(dep, pointer, reader)
        values: Mapping[str, Mapping[str, Any]] = lock.get("params") or {}
        for params in stage.params:
            yield _compare_params(params, values.get(params.path), reader)
    outs = lock_pointers(lock, "outs")
    for out in stage.outs:
        comparison = _compare_out(out, outs.get(out.path), reader)
        yield _without_missing(comparison) if allow_missing else comparison


def _compare_command(stage: Stage, lock_value: Any) -> Iterator[Change]:
    if stage.kind is not StageKind.STAGE:
        return
    if lock_value != stage.cmd:
        yield Change("cmd", "", lock_value, stage.cmd)
    if not stage.frozen and (stage.callback or stage.always_changed):
        yield Change("always")


def md5(pointer: Pointer | None) -> str | None:
    """Return the md5 of a pointer of DVC 3.

    Raises
    ------
    UndecidedError
        The pointer is from an older DVC or from cloud storage.
    """
    if not pointer:
        return None
    if not _is_comparable(pointer):
        raise UndecidedError
    return str(pointer["md5"])


def _is_comparable(pointer: Pointer) -> bool:
    return pointer.get("hash") == "md5" and "md5" in pointer


def _is_taken_over(recorded: Pointer | None, current: Callable[[], Pointer | None]) -> bool:
    """Return whether the reader hands out a record as it is, because the content is not here."""
    return recorded is not None and not _is_comparable(recorded) and recorded == current()


def _compare_dep(
    dep: Dependency, lock_value: Pointer | None, reader: StateReader
) -> Iterator[Change]:
    if not dep.local:
        raise UndecidedError
    if _is_taken_over(lock_value, lambda: reader.dep(dep)):
        return
    old, new = md5(lock_value), md5(reader.dep(dep))
    if old != new or new is None:
        yield Change("dep", dep.path, old, new)


def _compare_missing_dep(
    dep: Dependency, lock_value: Pointer | None, upstream_value: Pointer | None
) -> Iterator[Change]:
    if upstream_value is not None:
        old, new = md5(lock_value), md5(upstream_value)
        if old != new:
            yield Change("dep", dep.path, old, new)


def _without_missing(out_changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes except that an out, or its object in the cache, is missing."""
    for change in out_changes:
        if change.new is not None and change.old != change.new:
            yield change


def _compare_params(
    params: Params, lock_value: Mapping[str, Any] | None, reader: StateReader
) -> Iterator[Change]:
    actual = reader.values(params)
    if actual is None:
        yield Change("param", params.path, lock_value or "", None)
        return
    old = dict(lock_value or {})
    for key in params.keys or dict.fromkeys([*actual, *old]):
        if key not in actual:
            yield Change("param", f"{params.path}:{key}", old.get(key, ""), None)
        elif key not in old:
            yield Change("param", f"{params.path}:{key}", None, actual[key])
        elif not _are_equal(actual[key], old[key]):
            yield Change("param", f"{params.path}:{key}", old[key], actual[key])
    if lock_value is None and not actual:
        yield Change("param", params.path, None, "")


def _are_equal(actual: Any, old: Any) -> bool:
    return bool(actual == old) or (isinstance(actual, tuple) and list(actual) == old)


def _compare_out(out: Output, pointer: Pointer | None, reader: StateReader) -> Iterator[Change]:
    if not out.local:
        raise UndecidedError
    if _is_taken_over(pointer, lambda: reader.out(out)):
        return
    old = md5(pointer)
    if pointer and old and out.cached and not reader.kept(pointer):
        yield Change("out", out.path, old, old)
        return
    new = md5(reader.out(out))
    if old != new or new is None:
        yield Change("out", out.path, old, new)


def _describe(old: Any, new: Any) -> str:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return f": {first_names(list(_differences(old, new, '')), _SHOWN_DIFFERENCES)}"
    return f" from {shorten_value(old)} to {shorten_value(new)}"


def _differences(old: Mapping[Any, Any], new: Mapping[Any, Any], parent: str) -> Iterator[str]:
    """Yield a text for each leaf that differs between two groups of parameters."""
    for key in dict.fromkeys([*old, *new]):
        name = f"{parent}{key}"
        if key not in new:
            yield f"{name} is gone"
        elif key not in old:
            yield f"{name} is new"
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            yield from _differences(old[key], new[key], f"{name}.")
        elif not _are_equal(new[key], old[key]):
            yield f"{name} from {shorten_value(old[key])} to {shorten_value(new[key])}"


def losses(stage: Stage, lost: Lost) -> frozenset[str]:
    """Return the md5s of the objects of the stage's outs in dvc.lock that the cache lacks."""
    pointers = lock_pointers(stage.lock, "outs")
    cached = [pointers[out.path] for out in stage.outs if out.cached and out.path in pointers]
    try:
        return frozenset().union(*(lost(pointer) for pointer in cached if "md5" in pointer))
    except UndecidedError:
        return frozenset()


def sharing_losses(stages: Sequence[Stage], lost: Lost) -> list[frozenset[str]]:
    """Return the groups of stages, by address, whose outs lack the same object.

    The first stage to run creates the object again, and then the others are unchanged.
    """
    makers: dict[str, set[str]] = {}
    for stage in stages:
        for md5 in losses(stage, lost):
            makers.setdefault(md5, set()).add(stage.address)
    return sorted(
        {frozenset(addresses) for addresses in makers.values() if len(addresses) > 1}, key=sorted
    )
