"""A project's dvc.yaml as StageSpecs, with any file of it replaced."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from dvc.dvcfile import load_file
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import NoSCM
from dvc.stage.serialize import (
    _serialize_params_values,
    split_params_deps,
)

from dvc_bridge.errors import UsageError
from dvc_bridge.plan.run_cache import Pointer, StageSpec

from .stage import travels
from .workspace import open_workspace

DVC_YAML = "dvc.yaml"


class Project(NamedTuple):
    """What a run needs to know of a DVC project, read once.

    `refused` says of each stage that has no place in the run cache why; `tracked` holds the
    pointers of deps that stand in `.dvc` files; `cache` is the folder that holds files/ and runs/;
    `revision` is None without git.
    """

    stages: dict[str, StageSpec]
    refused: dict[str, str]
    tracked: dict[str, Pointer]
    cache: Path
    revision: str | None
    dirty: bool


def read_project(root: Path, replaced: Mapping[str, str] | None = None) -> Project:
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
    try:
        with closing(Repo(str(root))) as repo:
            cache = Path(repo.cache.legacy.path)
            has_git = not isinstance(repo.scm, NoSCM)
            revision = repo.scm.get_rev() if has_git else None
            dirty = has_git and bool(repo.scm.is_dirty(untracked_files=False))
        with tempfile.TemporaryDirectory(prefix="dvc-spec-") as folder:
            mirror = Path(folder).resolve()
            _mirror(root, mirror, replaced or {})
            with closing(open_workspace(mirror, cache)) as repo:
                loader = load_file(repo, str(mirror / DVC_YAML)).stages
                stages = {name: loader[name] for name in loader}
                refused = {name: why for name, s in stages.items() if (why := _refusal(s))}
                specs = {n: _spec(mirror, s, loader) for n, s in stages.items() if n not in refused}
                tracked = _tracked(repo, specs)
    except DvcException as error:
        raise UsageError(f"{root / DVC_YAML}: {error}", "see what `dvc status` says") from None
    return Project(specs, refused, tracked, cache, revision, dirty)


def _mirror(root: Path, mirror: Path, replaced: Mapping[str, str]) -> None:
    """Make `mirror` look like `root`: links to what it holds, and texts for what is replaced."""
    for entry in root.iterdir():
        if entry.name not in (".git", ".dvc", *replaced):
            (mirror / entry.name).symlink_to(entry)
    for name, text in replaced.items():
        (mirror / name).write_text(text, encoding="utf-8")


def _refusal(stage: Any) -> str | None:
    if stage.frozen or stage.always_changed:
        return "it is frozen or always_changed"
    if not stage.outs or not stage.deps:
        return "it has no deps or no outs"
    for dep in stage.deps:
        if dep.protocol != "local" or not dep.is_in_repo:
            return f"dep {dep.def_path} is outside the project"
    for out in stage.outs:
        if out.protocol != "local" or not out.is_in_repo or out.persist:
            return f"out {out.def_path} is persist: true, or outside the project"
        if not travels(out):
            return f"out {out.def_path} is cache: false and neither metric nor plot"
    return None


def _spec(root: Path, stage: Any, loader: Any) -> StageSpec:
    params, deps = split_params_deps(stage)
    for param in params:
        param.save()
    return StageSpec(
        name=stage.name,
        wdir=Path(stage.wdir).relative_to(root).as_posix(),
        cmd=stage.cmd,
        deps=sorted(dep.def_path for dep in deps),
        params={f: dict(values) for f, values in _serialize_params_values(params).items()},
        outs=sorted(out.def_path for out in stage.outs),
        data=loader.resolver.resolve_one(stage.name)[stage.name],
        lock=loader.lockfile_data.get(stage.name),
    )


def _tracked(repo: Repo, specs: Mapping[str, StageSpec]) -> dict[str, Pointer]:
    """Find the deps that `dvc add` or an import brought."""
    found = {}
    for spec in specs.values():
        for dep in spec["deps"]:
            path = (Path(spec["wdir"]) / dep).as_posix()
            if (Path(repo.root_dir) / f"{path}.dvc").exists():
                (stage,) = repo.stage.load_all(str(Path(repo.root_dir) / f"{path}.dvc"))
                found[path] = _pointer(stage.outs[0])
    return found


def _pointer(out: Any) -> Pointer:
    dumped: dict[str, Any] = out.dumpd()
    return {k: v for k, v in dumped.items() if k in ("hash", "md5", "size", "nfiles", "isexec")}
