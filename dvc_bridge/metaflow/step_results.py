"""Save the results of a step on this machine, with the recorder of a local run."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.stage_entry import stage_of_entry
from dvc_bridge.dvcio.reading.templates import message_with_causes
from dvc_bridge.dvcio.remotes.config import write_bare_config
from dvc_bridge.dvcio.remotes.transfer import modes
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import BridgeError, IntegrityError, UsageError
from dvc_bridge.local.dvc_recorder import DvcRecorder
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import DVC_YAML
from dvc_bridge.planning.run_cache_key import StageSpec


def save_results(folder: Path, cache: Path, spec: StageSpec) -> Result:
    """Store a stage's outs from `folder` in the cache, with its run-cache entry.

    The folder becomes a DVC project without git, which shares the cache with the user's project.
    Nothing is written to the user's dvc.lock, .gitignore files and workspace.

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
    settings = {"cache": {"dir": str(cache)}}
    write_bare_config(folder, settings)
    project = Project(folder, None, settings)
    # Without the lock entry of an earlier run, DVC reuses no hash.
    stage = stage_of_entry(folder, DVC_YAML, spec["name"], spec["data"], lock=None)
    # DVC's run cache resolves paths from the working directory (dvc/stage/cache.py).
    with chdir(folder), Session(project, print) as session:
        try:
            recorder = DvcRecorder(project, session, Workspace(project))
            entry = recorder.record(RunIndex(0), stage, finish=True)
        except (BridgeError, OSError):
            raise
        except Exception as exc:  # DVC has many; only dvcio may import their classes
            raise UsageError(f"stage {spec['name']}: {message_with_causes(exc)}") from None
    if entry.get("params", {}) != spec["params"]:
        raise IntegrityError(f"stage {spec['name']}: its params changed while it ran")
    return Result(spec["name"], Outcome.RAN, entry, modes(folder, stage, entry))
