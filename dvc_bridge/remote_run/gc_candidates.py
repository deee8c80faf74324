"""Finding runs and snapshots in the remote that can be removed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.remote_run.run_store import FOLDER, Store


@dataclass(frozen=True)
class Leftover:
    """A run's folder, or a snapshot that no run needs.

    Parameters
    ----------
    what
        A description for messages.
    path
        The path in the remote; a folder is removed with everything in it.
    run
        The name of the run; empty for a snapshot.
    """

    what: str
    path: str
    run: str = ""


def find_leftovers(
    remote: Remote, before_s: float, keep: Collection[str], named: Collection[str] = ()
) -> list[Leftover]:
    """Return runs that were last written to before a time, and snapshots that no other run needs.

    Parameters
    ----------
    before_s
        The time, in seconds since 1970.
    keep
        Runs that are kept in any case.
    named
        Runs to remove regardless of their age; empty: all old runs.
    """
    names = Store(remote, "").runs()
    old = {run for run in old_runs(remote, before_s, named) if run not in keep}
    needed = {Store(remote, run).code_name() for run in names if run not in old}
    folder = remote.path(FOLDER, "runs")
    leftovers = [Leftover(f"run {run}", f"{folder}/{run}", run) for run in sorted(old)]
    return [*leftovers, *_snapshots(remote, before_s, needed)]


def old_runs(remote: Remote, before_s: float, named: Collection[str] = ()) -> list[str]:
    """Return the runs that may be removed; the parameters are those of `find_leftovers`."""
    return [
        run
        for run in Store(remote, "").runs()
        if (run in named if named else written_s(remote, run) < before_s)
    ]


def written_s(remote: Remote, run: str) -> float:
    """Return the time of the last write to a run, in seconds since 1970."""
    folder = remote.path(FOLDER, "runs", run)
    times = [*remote.written(folder).values(), *remote.written(f"{folder}/stages").values()]
    return max(times, default=0.0)


def _snapshots(
    remote: Remote, before_s: float, needed: Collection[str | None]
) -> Iterator[Leftover]:
    folder = remote.path(FOLDER, "code")
    for name, written_s in sorted(remote.written(folder).items()):
        digest = name.partition(".")[0]
        # A submit that is still in progress uploads its code before its plan.
        if digest not in needed and written_s < before_s:
            yield Leftover(f"snapshot {digest[:12]}", f"{folder}/{name}")
