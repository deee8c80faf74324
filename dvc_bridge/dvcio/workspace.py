"""A DVC project of its own in a folder, without git, on somebody else's cache."""

from __future__ import annotations

import configparser
from contextlib import chdir, closing
from pathlib import Path

from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile

from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.plan.run_cache import LockEntry, StageSpec


def open_workspace(folder: Path, cache: Path) -> Repo:
    """Make `folder` a project whose objects and run cache are those of `cache`."""
    config = configparser.ConfigParser(interpolation=None)
    config["core"] = {
        "no_scm": "true",
        "analytics": "false",
        "check_update": "false",
        # Else every folder leaves one of its own behind, system-wide.
        "site_cache_dir": str(folder / ".dvc" / "site"),
    }
    config["cache"] = {"dir": str(cache)}
    (folder / ".dvc").mkdir(exist_ok=True)
    with (folder / ".dvc" / "config").open("w", encoding="utf-8") as stream:
        config.write(stream)
    return Repo(str(folder))


def save_results(folder: Path, cache: Path, spec: StageSpec) -> LockEntry:
    """Put the outs that a stage left in `folder` into the cache, and its run-cache entry after.

    Returns
    -------
    dict
        The stage's entry as dvc.lock would hold it.

    Raises
    ------
    UsageError
        An out that was not made.
    """
    # The run cache looks for its stages from the working directory (dvc/stage/cache.py).
    with chdir(folder), closing(open_workspace(folder, cache)) as repo, lock_repo(repo):
        dvcfile = ProjectFile(repo, str(folder / "dvc.yaml"))
        stage = StageLoader.load_stage(dvcfile, spec["name"], spec["data"])
        try:
            stage.save(run_cache=False)
            stage.commit(relink=False)
            repo.stage_cache.save(stage)
        except DvcException as error:
            raise UsageError(f"stage {spec['name']}: {error}") from None
        entry: LockEntry = to_single_stage_lockfile(stage)
    if entry.get("params", {}) != spec["params"]:
        raise IntegrityError(f"stage {spec['name']}: its params changed while it ran")
    return entry
