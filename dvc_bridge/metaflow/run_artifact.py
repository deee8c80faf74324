"""What a Metaflow run knows of its DVC project: stages, and by md5 what its steps used and made."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

from metaflow import current

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.result import RAN, RESTORED, UNCHANGED, Result, plain_result
from dvc_bridge.pipeline.serialize import from_text, to_text
from dvc_bridge.planning.run_cache_key import Pointer, StageSpec, inputs_entry, restored_entry

from .errors import as_metaflow_says
from .objects import find, hash_file, in_cache, known_entries, read_file
from .package import packed, project_folder


class DvcRun(TypedDict):
    """The artifact `dvc` of every decorated step: what it used and made, by md5.

    Plain data: a client reads it without this library.
    """

    root: str  # as the flow has it; in a pod there is nothing
    cache: str  # empty: the run has none, its outs are in the DVC remote
    remote_run: str | None  # the run's folder there; None: it has none
    revision: str | None
    dirty: bool
    replaced: dict[str, str]  # file from the root -> the text read in its place
    stages: dict[str, StageSpec]
    refused: dict[str, str]
    outs: dict[str, Pointer]  # out path from the root -> pointer, of the steps so far
    computed: list[str]  # stages that ran
    restored: list[str]  # stages whose results were known
    plots: list[PlotSpec]
    results: dict[str, dict[str, Any]]  # stage -> plan.result.Result, as plain data


@as_metaflow_says()
def begin_run(root: Path, replaced: Mapping[str, str] | None = None) -> DvcRun:
    """Ask DVC, once a run, for the stages of `root`/dvc.yaml: `self.dvc = begin_run(ROOT)`.

    Parameters
    ----------
    root : Path
        The DVC project's folder.
    replaced : mapping of name to text, optional
        Files of the root to be read as this text instead, for example params.yaml from a Config.

    Raises
    ------
    DvcStageError
        No DVC project, or a dvc.yaml, dvc.lock or parameter that DVC refuses.
    """
    # Imported late: the steps that follow need no DVC, which takes half a second to import.
    from dvc_bridge.metaflow.stage_specs import read_specs  # noqa: PLC0415

    project = read_specs(project_folder(root).resolve(), replaced)
    facts = packed()
    return DvcRun(
        root=str(root.resolve()),
        cache="" if facts else str(project.cache),
        remote_run=flow_run_name(current.flow_name, current.run_id) if facts else None,
        revision=facts["revision"] if facts else project.revision,
        dirty=facts["dirty"] if facts else project.dirty,
        replaced=dict(replaced or {}),
        stages=project.stages,
        refused=project.refused,
        outs=project.tracked,
        computed=[],
        restored=[],
        plots=project.plots,
        results={},
    )


def gather(flow: Any, inputs: Any) -> DvcRun:
    """Take up what the steps before know; at a join, of all branches."""
    try:
        runs: list[DvcRun] = [flow.dvc] if inputs is None else [branch.dvc for branch in inputs]
    except AttributeError:
        raise UsageError(
            "a step before this one must say `self.dvc = begin_run(ROOT)`", "put it into start"
        ) from None
    merged = runs[0].copy()
    merged["outs"] = {path: out for run in runs for path, out in run["outs"].items()}
    merged["computed"] = list(dict.fromkeys(name for run in runs for name in run["computed"]))
    merged["restored"] = list(dict.fromkeys(name for run in runs for name in run["restored"]))
    merged["results"] = {name: end for run in runs for name, end in run["results"].items()}
    return merged


def spec_of(run: DvcRun, name: str) -> StageSpec:
    """Return the stage `name`; UsageError if there is none, or it cannot be a step."""
    if name in run["refused"]:
        raise UsageError(
            f"stage {name} cannot be a step: {run['refused'][name]}", "run it with `dvc repro`"
        )
    if name not in run["stages"]:
        known = ", ".join(run["stages"])
        raise UsageError(f"{run['root']}/dvc.yaml has no stage {name}", f"one of {known}")
    return run["stages"][name]


def path_of(spec: StageSpec, path: str) -> str:
    """Return a path of the stage's as it is from the project's root."""
    return str(PurePosixPath(spec["wdir"], path))


def dep_pointers(run: DvcRun, spec: StageSpec) -> dict[str, Pointer]:
    """Return each dep's pointer: of an out of this run, or of the file in the project."""
    pointers = {}
    made = {path_of(s, out) for s in run["stages"].values() for out in s["outs"]}
    for dep in spec["deps"]:
        path = path_of(spec, dep)
        pointer = find(Path(run["cache"]), run["outs"], path)
        if pointer is None:
            file = Path(run["root"]) / path
            if path in made:
                raise UsageError(
                    f"stage {spec['name']}: dep {path} is made by a stage that has not run before"
                    " this step",
                    "put that stage's step before this one",
                )
            if not file.is_file():
                raise UsageError(f"stage {spec['name']}: dep {path} is not a file")
            pointer = hash_file(file)
        elif path not in run["outs"] and modes_of(run, path).get(".", 0) & stat.S_IXUSR:
            pointer = {**pointer, "isexec": True}
        pointers[dep] = pointer
    return pointers


def modes_of(run: DvcRun, path: str) -> dict[str, int]:
    """Return the modes that objects do not hold, of files at and below `path`, by relative path."""
    found = {}
    for name, ended in run["results"].items():
        for out, kept in ended["modes"].items():
            at = path_of(run["stages"][name], out)
            for inside, mode in kept.items():
                whole = PurePosixPath(at, inside)
                if whole.is_relative_to(path):
                    found["" if whole == PurePosixPath(path) else str(whole.relative_to(path))] = (
                        mode
                    )
    return found


def lookup(run: DvcRun, spec: StageSpec, deps: dict[str, Pointer], key: str) -> Result | None:
    """Return what an earlier run with this key left, if all its outs are in the cache."""
    cache = Path(run["cache"])
    for known in known_entries(cache, spec, key):
        if all(in_cache(cache, out) for out in known["outs"]):
            entry = restored_entry(known, inputs_entry(spec["cmd"], deps.items(), spec["params"]))
            return Result(spec["name"], UNCHANGED if entry == spec["lock"] else RESTORED, entry)
    return None


def with_result(run: DvcRun, spec: StageSpec, result: Result) -> DvcRun:
    """Return `run` after this stage."""
    made = {
        path_of(spec, out["path"]): {k: v for k, v in out.items() if k != "path"}
        for out in result.entry.get("outs") or ()
    }
    done = run.copy()
    done["outs"] = {**run["outs"], **made}
    if result.outcome == RAN:
        done["computed"] = [*run["computed"], spec["name"]]
    else:
        done["restored"] = [*run["restored"], spec["name"]]
    # Through JSON: what DVC gives would want its classes wherever the artifact is read.
    done["results"] = {**run["results"], spec["name"]: from_text(to_text(plain_result(result)))}
    return done


def result_in(run: DvcRun, name: str) -> Result:
    """Return what became of the stage `name`."""
    return Result(**run["results"][name])


@as_metaflow_says()
def read_out(run: DvcRun, path: str) -> bytes:
    """Read the file `path` out of a run's outs: an out itself, or a file inside one.

    Raises
    ------
    DvcStageError
        No out of the run holds it, or it is missing from the cache, or damaged.
    """
    if packed() is not None:
        from .step_in_pod import read_out_of_remote  # noqa: PLC0415  as in begin_run

        return read_out_of_remote(run, path)
    cache = Path(run["cache"])
    pointer = find(cache, run["outs"], path)
    if pointer is None or pointer["md5"].endswith(".dir"):
        raise no_such_out(run, path)
    return read_file(cache, pointer)


def no_such_out(run: DvcRun, path: str) -> UsageError:
    """Say that no out of the run holds a file."""
    return UsageError(f"no out of this run holds a file {path}", f"one of {', '.join(run['outs'])}")
