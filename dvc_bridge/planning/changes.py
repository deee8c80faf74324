"""What has changed since a stage's entry in dvc.lock, by DVC's own rules.

The one function here is asked by everybody: by `plan` for all reasons, by a run for the first. It
sees files through a `StateReader`, so that it can be asked about files that do not exist yet.
The rules are those of `Stage.changed` (dvc/stage/__init__.py, dvc 3.48 to 3.67).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dvc_bridge.pipeline.stage import (
    Dependency,
    LockEntry,
    Output,
    Params,
    Pointer,
    Stage,
    StageKind,
)

# The objects of a pointer, its own and those of a folder's files, that DVC's cache lacks.
Lost = Callable[[Pointer], frozenset[str]]


class UndecidedError(Exception):
    """Only DVC itself can say: an import, a file outside the project, an old kind of hash."""


class StateReader(Protocol):
    """How files and folders are now."""

    def dep(self, dep: Dependency) -> Pointer | None:
        """The file or folder; None: there is none."""

    def out(self, out: Output) -> Pointer | None:
        """The file or folder; None: there is none."""

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """The parameters found among those asked for; None: no such file."""

    def kept(self, pointer: Pointer) -> bool:
        """Whether DVC's cache holds it, with all its files."""


@dataclass(frozen=True, slots=True)
class Change:
    """One reason to run.

    Parameters
    ----------
    what
        `cmd`, `dep`, `param`, `out`, `always` or `new`.
    name
        The path, or `file:parameter`; empty for the others.
    old, new
        md5s, values or commands; None where there is nothing.
    """

    what: str
    name: str = ""
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        if self.what == "new":
            return "it has never run: no entry in dvc.lock"
        if self.what == "always":
            return "it runs every time"
        subject = f"{self.what} {self.name}".rstrip()
        if self.what == "out" and self.old == self.new:
            return f"{subject} is not in the cache"
        if self.new is None:
            return f"{subject} is gone"
        if self.old is None:
            return f"{subject} is new"
        return f"{subject} changed from {_shown(self.old)} to {_shown(self.new)}"


def changes(stage: Stage, look: StateReader) -> Iterator[Change]:
    """Return the reasons to run the stage, one by one; none: it is up to date.

    Raises
    ------
    UndecidedError
        DVC must be asked; raised last, since what is certain needs no answer.
    """
    if stage.kind not in (StageKind.STAGE, StageKind.DATA):
        raise UndecidedError
    lock = stage.lock
    if lock is None:
        if stage.frozen:
            raise UndecidedError
        yield Change("new")
        return
    checks: list[tuple[Callable[[Any, Any, StateReader], Iterator[Change]], Any, Any]]
    checks = [(_command, stage, lock.get("cmd"))]
    if stage.kind is StageKind.STAGE and not stage.frozen:
        deps, values = locked(lock, "deps"), lock.get("params") or {}
        checks += [(_dep, dep, deps.get(dep.path)) for dep in stage.deps]
        checks += [(_params, params, values.get(params.path)) for params in stage.params]
    outs = locked(lock, "outs")
    checks += [(_out, out, outs.get(out.path)) for out in stage.outs]
    undecided = False
    for check, item, known in checks:
        try:
            yield from check(item, known, look)
        except UndecidedError:
            undecided = True
    if undecided:
        raise UndecidedError


def _command(stage: Stage, known: Any, _look: StateReader) -> Iterator[Change]:
    if stage.kind is not StageKind.STAGE:
        return
    if known != stage.cmd:
        yield Change("cmd", "", known, stage.cmd)
    if not stage.frozen and (stage.callback or stage.always_changed):
        yield Change("always")


def locked(lock: LockEntry, section: str) -> dict[str, Pointer]:
    """Return the pointers of `deps` or `outs` of a lock entry by path."""
    return {item["path"]: item for item in lock.get(section) or ()}


def md5(pointer: Pointer | None) -> str | None:
    """Return the md5 of a pointer of DVC 3.

    Raises
    ------
    UndecidedError
        It is of an older DVC, or of a cloud.
    """
    if not pointer or len(pointer) == 1:
        return None
    if pointer.get("hash") != "md5" or "md5" not in pointer:
        raise UndecidedError
    return str(pointer["md5"])


def _dep(dep: Dependency, known: Pointer | None, look: StateReader) -> Iterator[Change]:
    if not dep.local:
        raise UndecidedError
    old, new = md5(known), md5(look.dep(dep))
    if old != new or new is None:
        yield Change("dep", dep.path, old, new)


def _params(params: Params, known: Mapping[str, Any] | None, look: StateReader) -> Iterator[Change]:
    actual = look.values(params)
    if actual is None:
        yield Change("param", params.path, known or "", None)
        return
    old = dict(known or {})
    for key in params.keys or dict.fromkeys([*actual, *old]):
        if key not in actual:
            yield Change("param", f"{params.path}:{key}", old.get(key, ""), None)
        elif key not in old:
            yield Change("param", f"{params.path}:{key}", None, actual[key])
        elif not _same(actual[key], old[key]):
            yield Change("param", f"{params.path}:{key}", old[key], actual[key])
    if known is None and not actual:
        yield Change("param", params.path, None, "")


def _same(actual: Any, old: Any) -> bool:
    return bool(actual == old) or (isinstance(actual, tuple) and list(actual) == old)


def _out(out: Output, pointer: Pointer | None, look: StateReader) -> Iterator[Change]:
    if not out.local:
        raise UndecidedError
    old = md5(pointer)
    if pointer and old and out.cached and not look.kept(pointer):
        yield Change("out", out.path, old, old)
        return
    new = md5(look.out(out))
    if old != new or new is None:
        yield Change("out", out.path, old, new)


def _shown(value: Any) -> str:
    text = str(value) if not isinstance(value, str) else value
    if len(text) >= 32 and not text.removesuffix(".dir").strip("0123456789abcdef"):
        return text[:8]
    return repr(value) if len(text) <= 60 else f"{text[:57]!r}..."


def losses(stage: Stage, lost: Lost) -> frozenset[str]:
    """Name the objects of the stage's outs in dvc.lock that the cache lacks."""
    known = locked(stage.lock or {}, "outs")
    pointers = [known[out.path] for out in stage.outs if out.cached and out.path in known]
    try:
        return frozenset().union(*(lost(pointer) for pointer in pointers if "md5" in pointer))
    except UndecidedError:
        return frozenset()


def sharing_losses(stages: Sequence[Stage], lost: Lost) -> list[frozenset[str]]:
    """Return the groups of stages that have lost one and the same object, by address.

    The first of them to run brings it back, and then the others are unchanged.
    """
    makers: dict[str, set[str]] = {}
    for stage in stages:
        for md5 in losses(stage, lost):
            makers.setdefault(md5, set()).add(stage.address)
    return sorted({frozenset(found) for found in makers.values() if len(found) > 1}, key=sorted)
