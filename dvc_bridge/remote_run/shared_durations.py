"""How long stages took, kept in the remote, so that a fresh clone can predict too."""

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


def known_seconds(journal: History, remote: Remote, addresses: Iterable[str]) -> dict[str, float]:
    """Return what is known by address; the remote is asked only for what is not known here."""
    if all(address in journal.seconds for address in addresses):
        return dict(journal.seconds)
    return _in_remote(remote) | journal.seconds


def share(journal: History, remote: Remote, results: Iterable[Result]) -> None:
    """Note here and in the remote how long the commands of a run took.

    Of two runs that end at once, one may be lost there: only predictions rest on it.
    """
    took = {r.address: r.seconds for r in results if r.seconds is not None}
    if not took:
        return
    for address, seconds in took.items():
        journal.took(address, seconds)
    journal.save()
    with suppress(BridgeError):  # the results are merged: no fault of the store undoes that
        text = json.dumps(_in_remote(remote) | took, ensure_ascii=False, sort_keys=True)
        remote.put(remote.path(FOLDER, FILE), text.encode())


def _in_remote(remote: Remote) -> dict[str, float]:
    with suppress(ValueError, AttributeError):
        told: Mapping[str, object] = json.loads(remote.get(remote.path(FOLDER, FILE)) or b"{}")
        return {key: float(s) for key, s in told.items() if isinstance(s, int | float)}
    return {}
