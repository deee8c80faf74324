"""Read a project's dvc.yaml as StageSpecs, optionally with replaced files."""

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
from dvc_bridge.pipeline.lock_entry import Pointer, lock_pointers
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline, Stage, StageKind
from dvc_bridge.planning.next_action import in_run_cache
from dvc_bridge.planning.run_cache_key import StageSpec, lock_params


class Specs(NamedTuple):
    """What a run needs from a DVC project, read once.

    `refused` maps each stage that cannot use the run cache to the reason; `tracked` holds the
    pointers of deps in `.dvc` files; `plots` are those of dvc.yaml and of its stages; `cache` is
    the folder with files/ and runs/; `revision` is None without git.
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
        Files of the root to replace with this text, for example params.yaml.

    Raises
    ------
    UsageError
        There is no DVC project, or DVC rejects its dvc.yaml or parameters.
    """
    project = find_project(root)
    if not (root / DVC_YAML).exists():
        raise UsageError(f"{root / DVC_YAML} does not exist", "create it with dvc stage add")
    revision, dirty = revision_of(project)
    with tempfile.TemporaryDirectory(prefix="dvc-spec-") as folder:
        mirror = Path(folder).resolve()
        _mirror(root, mirror, replaced or {})
        pipeline = read_pipeline(replace(project, root=mirror, git_root=None))
        refused = {s.name: reason for s in _own_stages(pipeline) if (reason := _refusal(s))}
        plots = read_plots(mirror, pipeline)
        specs = {s.name: _spec(mirror, s) for s in _own_stages(pipeline) if s.name not in refused}
    return Specs(specs, refused, _tracked_outs(pipeline), plots, project.cache, revision, dirty)


def _own_stages(pipeline: Pipeline) -> list[Stage]:
    return [stage for stage in pipeline.stages if stage.file == DVC_YAML]


def revision_of(project: Project) -> tuple[str | None, bool]:
    """Return the commit that is checked out, None without one, and whether files differ from it."""
    if project.git_root is None:
        return None, False
    head = _git(project, "rev-parse", "--verify", "--quiet", "HEAD")
    return head or None, bool(_git(project, "status", "--porcelain", "--untracked-files=no"))


def _git(project: Project, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=project.root, check=False, capture_output=True, text=True
    )
    return done.stdout.strip()


def _mirror(root: Path, mirror: Path, replaced: Mapping[str, str]) -> None:
    """Fill `mirror` with links to the entries of `root`, and with the replaced texts."""
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
    params_files = []
    for params in stage.params:
        if not (root / params.at).exists():
            raise MissingInputError(f"stage {stage.name}: {params.path} does not exist")
        values = read_values(str(root / params.at), params)
        params_files.append((params.path, params.key, values))
        if missing := [key for key in params.keys if key not in values]:
            raise MissingInputError(
                f"stage {stage.name}: {params.path} has no {', '.join(missing)}"
            )
    return StageSpec(
        name=stage.name,
        wdir=stage.wdir,
        cmd=stage.cmd or "",
        deps=sorted(dep.path for dep in stage.deps),
        params=lock_params(params_files),
        outs=sorted(out.path for out in stage.outs),
        data=dict(stage.data),
        lock=dict(stage.lock) if stage.lock else None,
    )


def _tracked_outs(pipeline: Pipeline) -> dict[str, Pointer]:
    """Return the pointers of outs that come from `dvc add` or an import."""
    names = ("hash", "md5", "size", "nfiles", "isexec")
    return {
        out.at: Pointer({key: value for key, value in pointer.items() if key in names})
        for stage in pipeline.stages
        if stage.kind in (StageKind.DATA, StageKind.IMPORT)
        for out in stage.outs
        if "md5" in (pointer := lock_pointers(stage.lock, "outs")[out.path])
    }
