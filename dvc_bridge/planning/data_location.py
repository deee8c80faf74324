"""Where the recorded data of a stage are: here, in the remote, or not known."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.recorded_data import RecordedOut, recorded_outs


class DataLocation(Enum):
    """Where the outs are that dvc.lock records for a stage."""

    HERE = "here"  # in the workspace or the cache
    REMOTE = "remote"
    MISSING = "missing"  # neither here nor in the remote
    UNKNOWN = "unknown"  # not here, and the remote was not asked


def locate(
    stage: Stage,
    is_here: Callable[[RecordedOut], bool],
    in_remote: Callable[[RecordedOut], bool] | None,
) -> DataLocation | None:
    """Return where the outs of a stage are; None if dvc.lock records none that DVC caches.

    Parameters
    ----------
    in_remote
        Returns whether the remote has an out; None: the remote must not be asked.
    """
    outs = recorded_outs(stage)
    if not outs:
        return None
    absent = [recorded for recorded in outs if not is_here(recorded)]
    if not absent:
        return DataLocation.HERE
    if in_remote is None or not all(recorded.is_plain for recorded in absent):
        return DataLocation.UNKNOWN
    return DataLocation.REMOTE if all(map(in_remote, absent)) else DataLocation.MISSING
