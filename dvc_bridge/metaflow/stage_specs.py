"""A project's dvc.yaml as StageSpecs, with any file of it replaced."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.params import read_values
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.errors import MissingInputError, UsageError
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline, Pointer, Stage, StageKind
from dvc_bridge.planning.changes import locked
from dvc_bridge.planning.next_action import in_run_cache
from dvc_bridge.planning.run_cache_key import StageSpec, lock_params


class Specs(NamedTuple):
    """What a run needs to know of a DVC project, read once.

    `refused` says of each stage that has no place in the run cache why; `tracked` holds the
    pointers of deps that stand in `.dvc` files; `plots` are those of dvc.yaml and of its stages;
    `cache` is the folder that holds files/ and runs/; `revision` is None without git.
    """

    stages: dict[str, StageSpec]
    refused: dict[str, str]
    tracked: dict[str, Pointer]
    plots: list[PlotSpec]
    cache: Path
    revision: str | None
    dirty: bool


def read_specs(root: Path, replaced: Mapping[str, str] | None = None) -> Specs:
    """Read `root`/dvc.yaml as DVC does: templates, foreach, matrix and params resolved.

    Parameters
    ----------
    root : Path
        The project's root, which holds `.dvc`.
    replaced : mapping of name to text, optional
        Files of the root to be read as this text instead, for example params.yaml.

    Raises
    ------
    UsageError
        No DVC project, or a dvc.yaml or parameter that DVC refuses.
    """
    project = find_project(root)
    if not (root / DVC_YAML).exists():
        raise UsageError(f"there is no {root / DVC_YAML}", "dvc stage add writes one")
    revision, dirty = revision_of(project)
    with tempfile.TemporaryDirectory(prefix="dvc-spec-") as folder:
        mirror = Path(folder).resolve()
        _mirror(root, mirror, replaced or {})
        pipeline = read_pipeline(replace(project, root=mirror, git_root=None))
        refused = {s.name: why for s in _own(pipeline) if (why := _refusal(s))}
        plots = read_plots(mirror, pipeline)
        specs = {s.name: _spec(mirror, s) for s in _own(pipeline) if s.name not in refused}
    return Specs(specs, refused, _tracked(pipeline), plots, project.cache, revision, dirty)


def _own(pipeline: Pipeline) -> list[Stage]:
    return [stage for stage in pipeline.stages if stage.file == DVC_YAML]


def revision_of(project: Project) -> tuple[str | None, bool]:
    """Return the commit that is checked out, None without one, and whether files differ from it."""
    if project.git_root is None:
        return None, False
    head = _git(project, "rev-parse", "--verify", "--quiet", "HEAD")
    return head or None, bool(_git(project, "status", "--porcelain", "--untracked-files=no"))


def _git(project: Project, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=project.root, check=False, capture_output=True, text=True
    )
    return done.stdout.strip()


def _mirror(root: Path, mirror: Path, replaced: Mapping[str, str]) -> None:
    """Make `mirror` look like `root`: links to what it holds, and texts for what is replaced."""
    for entry in root.iterdir():
        if entry.name not in (".git", *replaced):
            (mirror / entry.name).symlink_to(entry)
    for name, text in replaced.items():
        (mirror / name).write_text(text, encoding="utf-8")


def _refusal(stage: Stage) -> str | None:
    if stage.frozen or stage.always_changed:
        return "it is frozen or always_changed"
    if not stage.outs or not stage.reads:
        return "it has no deps or no outs"
    for out in stage.outs:
        if out.persist:
            return f"out {out.path} is persist: true"
        if not out.cached and not out.shown:
            return f"out {out.path} is cache: false and neither metric nor plot"
    return None if in_run_cache(stage) else "a dep or an out is outside the project"


def _spec(root: Path, stage: Stage) -> StageSpec:
    found = []
    for params in stage.params:
        if not (root / params.at).exists():
            raise MissingInputError(f"stage {stage.name}: there is no {params.path}")
        values = read_values(str(root / params.at), params)
        found.append((params.path, params.key, values))
        if lost := [key for key in params.keys if key not in values]:
            raise MissingInputError(f"stage {stage.name}: {params.path} has no {', '.join(lost)}")
    return StageSpec(
        name=stage.name,
        wdir=stage.wdir,
        cmd=stage.cmd or "",
        deps=sorted(dep.path for dep in stage.deps),
        params=lock_params(found),
        outs=sorted(out.path for out in stage.outs),
        data=dict(stage.data),
        lock=dict(stage.lock) if stage.lock else None,
    )


def _tracked(pipeline: Pipeline) -> dict[str, Pointer]:
    """Find what `dvc add` or an import brought."""
    names = ("hash", "md5", "size", "nfiles", "isexec")
    return {
        out.at: {key: value for key, value in pointer.items() if key in names}
        for stage in pipeline.stages
        if stage.kind in (StageKind.DATA, StageKind.IMPORT)
        for out in stage.outs
        if "md5" in (pointer := locked(stage.lock or {}, "outs")[out.path])
    }
