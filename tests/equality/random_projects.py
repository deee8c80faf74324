"""Hypothesis strategies for random projects, changes to them, and ways to run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from hypothesis import strategies as st

from dvc_bridge.pipeline.stage import overlap
from tests.equality.deeds import deeds, edits
from tests.equality.interferences import interferences
from tests.equality.story import (
    FOLDERS,
    HOMES,
    KINDS,
    Interference,
    Out,
    Project,
    Run,
    Stage,
    Story,
)

FILES = ("raw0", "raw1", "source/a", "source/deep/b", "räw 2", "[s]*/x?", "../elsewhere/e")
PLACES = ("", "shared/", "source/", "deep/er/")
PARAMS = ("p0", "p1")
SMALL = st.integers(0, 2)
PARAMS_READ: st.SearchStrategy[tuple[str, ...]] = st.sampled_from([(), ("p0",), PARAMS])
NAMES = st.sampled_from([*["{}"] * 6, "#{}", "!{}", "{} ", " {}", "ä{}", "[{}]", "{} *?"])
RARELY = st.sampled_from([False] * 7 + [True])
Value = TypeVar("Value")


@st.composite
def stories(
    draw: st.DrawFn,
    *,
    jobs: tuple[int, ...] = (1, 2, 3, 4),
    noisy: bool = False,
    concurrent: Sequence[tuple[str, ...]] = (),
    elsewhere: bool = False,
) -> Story:
    """Draw a project and two to four runs of it.

    Parameters
    ----------
    noisy
        Whether other users edit the project during the runs.
    concurrent
        Commands that other users may run at the same time.
    elsewhere
        Whether the stages run in pods or as a flow. If so, draw nothing that is refused there, and
        no losses that a remote would restore.
    """
    project = Project(
        files=tuple((name, "0\n") for name in FILES), params=tuple((name, 0) for name in PARAMS)
    )
    for _ in range(draw(st.integers(1, 5))):
        project = draw(_with_stage(project))
    project = _for_pods(project) if elsewhere else project
    simultaneous = (
        st.lists(st.sampled_from(concurrent), max_size=2).map(tuple) if concurrent else st.just(())
    )
    argv, others = draw(_argv(project, jobs, elsewhere)), draw(_others(project, noisy, elsewhere))
    runs = [Run(project, argv, (), others, draw(simultaneous))]
    for _ in range(draw(st.integers(1, 3))):
        for change in draw(st.lists(st.sampled_from(list(CHANGES)), max_size=3)):
            project = draw(CHANGES[change](project))
        project = _for_pods(project) if elsewhere else project
        done = draw(st.lists(edits() if elsewhere else st.one_of(*deeds(project)), max_size=2))
        argv = draw(_argv(project, jobs, elsewhere))
        others = draw(_others(project, noisy, elsewhere))
        runs.append(Run(project, argv, tuple(done), others, draw(simultaneous)))
    return Story(tuple(runs), handed_over=draw(RARELY), remote=not elsewhere)


@st.composite
def _others(
    draw: st.DrawFn, project: Project, noisy: bool, elsewhere: bool
) -> tuple[Interference, ...]:
    if not (noisy and project.stages):
        return ()
    any_one = interferences(project, edits_only=elsewhere)
    return tuple(draw(st.lists(any_one, max_size=2, unique_by=lambda i: i.moment)))


def _for_pods(project: Project) -> Project:
    """Return the project without features that pods refuse or handle differently from DVC."""
    kinds = {"persist": "file", "persist folder": "folder"}
    stages = (
        replace(
            stage,
            deps=tuple(dep for dep in stage.deps if not dep.startswith("../")),
            outs=tuple(replace(out, kind=kinds.get(out.kind, out.kind)) for out in stage.outs),
            fails=False,
            frozen=False,
        )
        for stage in project.stages
    )
    return replace(project, stages=tuple(stages))


@st.composite
def _with_stage(draw: st.DrawFn, project: Project) -> Project:
    """Add a stage at any position in the file; no stage depends on it yet."""
    taken = {int(s.name[1:].rstrip("r")) for s in project.stages}
    number = next(i for i in range(20) if i not in taken)
    deps = tuple(draw(st.lists(st.sampled_from(_readable(project)), max_size=3, unique=True)))
    closed = {dep for s in project.stages for dep in s.deps} | set(deps)
    places = [p for p in PLACES if p.rstrip("/") not in closed]
    outs = tuple(
        Out(
            draw(st.sampled_from(places)) + draw(NAMES).format(f"o{number}{letter}"),
            draw(st.sampled_from(KINDS)),
        )
        for letter in "ab"[: draw(st.sampled_from([1, 1, 1, 1, 2, 0]))]
    )
    stage = Stage(
        name=f"s{number}",
        home=draw(st.sampled_from(["", "", *HOMES])),
        deps=deps,
        params=tuple(draw(st.sampled_from([(), (), ("p0",), PARAMS]))),
        outs=outs,
        constant=draw(RARELY),
        slow=draw(st.booleans()),
        fails=draw(RARELY),
        frozen=draw(RARELY) and draw(RARELY),
        always=draw(RARELY),
    )
    at = draw(st.integers(0, len(project.stages)))
    stages = (*project.stages[:at], stage, *project.stages[at:])
    return replace(project, stages=stages)


def _readable(project: Project) -> list[str]:
    outs = [out for stage in project.stages for out in stage.outs]
    inner = [f"{out.path}/a" for out in outs if out.kind in FOLDERS]
    shared = ["shared"] if any(out.path.startswith("shared/") for out in outs) else []
    return [*(out.path for out in outs), *inner, *FILES, "source", *shared]


@st.composite
def _changed(
    draw: st.DrawFn,
    project: Project,
    values: st.SearchStrategy[Value],
    change: Callable[[Stage, Value], Stage],
) -> Project:
    """Change one stage with another value."""
    if not project.stages:
        return project
    at = draw(st.integers(0, len(project.stages) - 1))
    stage = change(project.stages[at], draw(values))
    return replace(project, stages=(*project.stages[:at], stage, *project.stages[at + 1 :]))


@st.composite
def _without_stage(draw: st.DrawFn, project: Project) -> Project:
    if not project.stages:
        return project
    gone = draw(st.sampled_from(project.stages))
    return replace(project, stages=tuple(s for s in project.stages if s != gone))


@st.composite
def _renamed(draw: st.DrawFn, project: Project) -> Project:
    if not project.stages:
        return project
    at = draw(st.integers(0, len(project.stages) - 1))
    old = project.stages[at]
    name = old.name[:-1] if old.name.endswith("r") else f"{old.name}r"
    new = replace(old, name=name)
    return replace(project, stages=(*project.stages[:at], new, *project.stages[at + 1 :]))


@st.composite
def _other_kind(draw: st.DrawFn, project: Project) -> Project:
    outs = [(s, o) for s in project.stages for o in s.outs]
    if not outs:
        return project
    stage, out = draw(st.sampled_from(outs))
    kinds = FOLDERS if out.kind in FOLDERS else tuple(k for k in KINDS if k not in FOLDERS)
    new = replace(out, kind=draw(st.sampled_from(kinds)))
    other = replace(stage, outs=tuple(new if o == out else o for o in stage.outs))
    return replace(project, stages=tuple(other if s == stage else s for s in project.stages))


@st.composite
def _file(draw: st.DrawFn, project: Project) -> Project:
    name = draw(st.sampled_from(FILES))
    text = f"{draw(SMALL)}\n"
    return replace(project, files=tuple((n, text if n == name else t) for n, t in project.files))


@st.composite
def _param(draw: st.DrawFn, project: Project) -> Project:
    name, value = draw(st.sampled_from(PARAMS)), draw(SMALL)
    return replace(project, params=tuple((n, value if n == name else v) for n, v in project.params))


CHANGES: dict[str, Callable[[Project], st.SearchStrategy[Project]]] = {
    "param": _param,
    "file": _file,
    "cmd": lambda p: _changed(p, SMALL, lambda s, v: replace(s, salt=v)),
    "stage more": _with_stage,
    "stage less": _without_stage,
    "stage renamed": _renamed,
    "kind": _other_kind,
    "params read": lambda p: _changed(p, PARAMS_READ, lambda s, v: replace(s, params=v)),
    "fails": lambda p: _changed(p, st.booleans(), lambda s, v: replace(s, fails=v)),
    "always": lambda p: _changed(p, st.booleans(), lambda s, v: replace(s, always=v)),
    "frozen": lambda p: _changed(p, st.booleans(), lambda s, v: replace(s, frozen=v)),
}


@st.composite
def _argv(
    draw: st.DrawFn, project: Project, jobs: tuple[int, ...], elsewhere: bool
) -> tuple[str, ...]:
    flags = [flag for flag in ("-f", "-k", "-P") if draw(RARELY)]
    addresses = [stage.address for stage in project.stages]
    targets: list[str] = []
    if addresses and draw(st.sampled_from([False, False, True])):
        targets = draw(st.lists(st.sampled_from(addresses), min_size=1, max_size=2, unique=True))
        alone = [] if elsewhere or _goes_round(project) else [["-s"]]  # a case covers those
        flags += draw(st.sampled_from([[], [], *alone, ["--downstream"]]))
    return (*flags, "-j", str(draw(st.sampled_from(jobs))), *targets)


def _goes_round(project: Project) -> bool:
    """Whether the stages have a cycle: a new stage may write what others read."""
    feeds = {
        s.name: [
            other.name
            for other in project.stages
            if any(overlap(dep, out.path) for dep in s.deps for out in other.outs)
        ]
        for s in project.stages
    }
    try:
        TopologicalSorter(feeds).prepare()
    except CycleError:
        return True
    return False
