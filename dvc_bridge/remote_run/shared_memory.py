"""The memory that runs of stages used, in the remote, for `memory: {auto: ...}` in other clones."""

from __future__ import annotations

from contextlib import suppress

from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.errors import BridgeError
from dvc_bridge.local.memory_history import (
    FILE,
    MemoryHistory,
    merge_seen,
    parse_seen,
    seen_text,
)
from dvc_bridge.pipeline.auto_memory import SeenMemory
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.trace import RunTrace, StageTrace
from dvc_bridge.remote_run.run_store import FOLDER


def known_memory(history: MemoryHistory, remote: Remote) -> dict[str, SeenMemory]:
    """Return what was seen here and in the remote."""
    return merge_seen(_remote_memory(remote), history.seen)


def share_memory(history: MemoryHistory, remote: Remote | None, trace: RunTrace) -> None:
    """Record what the stages of a remote run used, here and in the remote.

    If two runs end at the same time, the remote may lose one of them; later runs record again.

    Parameters
    ----------
    remote
        None: only here.
    """
    found = {s.address: seen for s in trace.stages if (seen := _seen(s)) != SeenMemory()}
    for address, seen in found.items():
        history.add(address, seen)
    history.save()
    if remote is None or not found:
        return
    with suppress(BridgeError):  # the results are merged, and a fault must not undo that
        known = _remote_memory(remote)
        merged = merge_seen(known, found)
        if merged != known:
            remote.put(remote.path(FOLDER, FILE), seen_text(merged).encode())


def _seen(stage: StageTrace) -> SeenMemory:
    """Return what a stage used; a failed command may not have reached its peak."""
    usage = stage.execution.usage if stage.execution else None
    has_peak = usage is not None and stage.outcome == Outcome.RAN.value
    return SeenMemory((usage.peak_bytes,) if usage and has_peak else (), stage.killed_bytes)


def _remote_memory(remote: Remote) -> dict[str, SeenMemory]:
    return parse_seen(remote.get(remote.path(FOLDER, FILE)) or b"{}")
