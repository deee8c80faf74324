"""A temporary DVC project without git, which stores results in the cache of another project."""

from __future__ import annotations

from contextlib import chdir, closing
from pathlib import Path

from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.repo import lock_repo
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile

from dvc_bridge.dvcio.remotes.config import open_bare
from dvc_bridge.dvcio.remotes.transfer import modes
from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import DVC_YAML, Output, Stage
from dvc_bridge.planning.run_cache_key import StageSpec


def save_results(folder: Path, cache: Path, spec: StageSpec) -> Result:
    """Store a stage's outs from `folder` in the cache, then write its run-cache entry.

    Returns
    -------
    Result
        Contains the stage's entry as dvc.lock would hold it.

    Raises
    ------
    UsageError
        An out is missing.
    IntegrityError
        The stage's params changed during the run.
    """
    # DVC's run cache resolves paths from the working directory (dvc/stage/cache.py).
    settings = {"cache": {"dir": str(cache)}}
    with chdir(folder), closing(open_bare(folder, settings)) as repo, lock_repo(repo):
        dvcfile = ProjectFile(repo, str(folder / "dvc.yaml"))
        stage = StageLoader.load_stage(dvcfile, spec["name"], spec["data"])
        try:
            stage.save(run_cache=False)
            stage.commit(relink=False)
            repo.stage_cache.save(stage)
        except DvcException as exc:
            raise UsageError(f"stage {spec['name']}: {exc}") from None
        entry = to_single_stage_lockfile(stage)
    if entry.get("params", {}) != spec["params"]:
        raise IntegrityError(f"stage {spec['name']}: its params changed while it ran")
    outs = tuple(
        Output(out.def_path, Path(out.fs_path).relative_to(folder).as_posix(), cached=out.use_cache)
        for out in stage.outs
    )
    file_modes = modes(folder, Stage(DVC_YAML, spec["name"], outs=outs), entry)
    return Result(spec["name"], Outcome.RAN, entry, file_modes)
