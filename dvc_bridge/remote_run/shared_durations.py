"""Durations of stages in the remote, so that a new clone can predict run times too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.errors import BridgeError
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.result import Result
from dvc_bridge.remote_run.run_store import FOLDER

FILE = "durations.json"


def known_seconds(history: History, remote: Remote, addresses: Iterable[str]) -> dict[str, float]:
    """Return the known durations by address; read the remote only if some are missing here."""
    if all(address in history.seconds for address in addresses):
        return dict(history.seconds)
    return _remote_durations(remote) | history.seconds


def share(history: History, remote: Remote, results: Iterable[Result]) -> None:
    """Record the durations of a run's commands here and in the remote.

    If two runs end at the same time, the remote may lose one of them; only predictions depend on
    it.
    """
    durations = {r.address: r.seconds for r in results if r.seconds is not None}
    if not durations:
        return
    for address, seconds in durations.items():
        history.took(address, seconds)
    history.save()
    with suppress(
        BridgeError
    ):  # the results are merged, and a fault of the store must not undo that
        text = json.dumps(_remote_durations(remote) | durations, ensure_ascii=False, sort_keys=True)
        remote.put(remote.path(FOLDER, FILE), text.encode())


def _remote_durations(remote: Remote) -> dict[str, float]:
    with suppress(ValueError, AttributeError):
        content: Mapping[str, object] = json.loads(remote.get(remote.path(FOLDER, FILE)) or b"{}")
        return {key: float(s) for key, s in content.items() if isinstance(s, int | float)}
    return {}
