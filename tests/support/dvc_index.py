"""A project as DVC's own index sees it, in the form of `read_pipeline`."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro
from dvc.stage import PipelineStage

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.planning.graph import execution_order

View = dict[str, Any]


def start(root: Path) -> None:
    """Make `root` a DVC project without git."""
    Repo.init(str(root), no_scm=True).close()


def index_of_dvc(root: Path) -> View:
    """Return the stages, edges and order of `root` from DVC's index."""
    with closing(Repo(str(root))) as repo:
        graph = repo.index.graph
        order = plan_repro(get_active_graph(graph))
        return {
            "stages": [_stage(root, stage) for stage in repo.index.stages],
            "edges": {
                _key(root, stage): [_key(root, up) for up in graph.successors(stage)]
                for stage in repo.index.stages
            },
            "order": [_key(root, stage) for stage in order],
        }


def _key(root: Path, stage: Any) -> str:
    name = stage.name if isinstance(stage, PipelineStage) else ""
    return f"{os.path.relpath(stage.path, root)}:{name}"


def _place(root: Path, end: Any) -> list[Any]:
    if end.protocol != "local":
        return [end.def_path, end.def_path, False]
    inside = f"{end.fs_path}/".startswith(f"{root}/")
    return [end.def_path, os.path.relpath(end.fs_path, root) if inside else end.fs_path, inside]


def _stage(root: Path, stage: Any) -> View:
    pipeline = isinstance(stage, PipelineStage)
    params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    foreign = stage.is_repo_import or stage.is_db_import
    deps = [] if foreign else [dep for dep in stage.deps if dep not in params]
    return {
        "key": _key(root, stage),
        "cmd": stage.cmd,
        "wdir": os.path.relpath(stage.wdir, root),
        "deps": [_place(root, dep) for dep in deps],
        "params": [[*_place(root, dep)[:2], list(dep.params or [])] for dep in params],
        "outs": [
            [*_place(root, out), out.use_cache, out.persist, bool(out.metric or out.plot)]
            for out in stage.outs
        ],
        "flags": [bool(stage.frozen), bool(stage.always_changed)],
        "group": (stage.raw_data.generated_from or "") if pipeline else "",
        "lock": stage.dvcfile.lockfile_contents.get("stages", {}).get(stage.name)
        if pipeline
        else None,
    }


def index_of_ours(root: Path) -> View:
    """Return the stages, edges and order of `root` from `read_pipeline`."""
    pipeline = read_pipeline(find_project(root))
    keys = [f"{stage.file}:{stage.name}" for stage in pipeline.stages]
    stages = [
        {
            "key": key,
            "cmd": stage.cmd,
            "wdir": stage.wdir,
            "deps": [[dep.path, dep.at, dep.local] for dep in stage.deps],
            "params": [[params.path, params.at, list(params.keys)] for params in stage.params],
            "outs": [
                [out.path, out.at, out.local, out.cached, out.persist, out.shown]
                for out in stage.outs
            ],
            "flags": [stage.frozen, stage.always_changed],
            "group": stage.group,
            "lock": stage.lock if stage.name else None,
        }
        for key, stage in zip(keys, pipeline.stages, strict=True)
    ]
    return {
        "stages": stages,
        "edges": {
            key: [keys[up] for up in ups] for key, ups in zip(keys, pipeline.upstream, strict=True)
        },
        "order": [keys[position] for position in execution_order(pipeline, None)],
    }
