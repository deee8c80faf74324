"""The objects of recorded outs: whether remotes have them, and their download into the cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.hashes import files_of
from dvc_bridge.dvcio.remotes.byte_progress import Progress
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.remotes.transfer import Objects, md5_of_out
from dvc_bridge.pipeline.stage import overlap
from dvc_bridge.planning.recorded_data import RecordedOut


def in_remotes(objects: Objects, outs: Sequence[RecordedOut]) -> list[bool]:
    """Return for each out whether its remote has it; each remote is asked once."""
    remotes = [objects.remote_of(recorded.stage, recorded.out.path) for recorded in outs]
    md5s: dict[Remote, list[str]] = {}
    for recorded, remote in zip(outs, remotes, strict=True):
        md5s.setdefault(remote, []).append(md5_of_out(recorded.item))
    found = {remote: remote.has(wanted) for remote, wanted in md5s.items()}
    return [
        md5_of_out(recorded.item) in found[remote]
        for recorded, remote in zip(outs, remotes, strict=True)
    ]


def download(objects: Objects, cache: Any, outs: Sequence[RecordedOut], progress: Progress) -> int:
    """Download outs, and parts of outs, into the cache as far as the remotes have them.

    There is one transfer per remote, because it serves many requests in parallel.

    Parameters
    ----------
    cache
        DVC's object database on this machine.

    Raises
    ------
    IntegrityError
        The bytes of an object do not match its name.
    VersionedRemoteError
        A remote stores versions of files.

    Returns
    -------
    int
        How many bytes have arrived.
    """
    size = _download(objects, ((out, [md5_of_out(out.item)]) for out in outs), progress)
    return size + _download(objects, ((out, _members(cache, out)) for out in outs), progress)


def is_cached(cache: Any, recorded: RecordedOut) -> bool:
    """Return whether the cache has an out, or a part of it, with all its files."""
    md5s = [md5_of_out(recorded.item), *_members(cache, recorded)]
    return all(Path(cache.oid_to_path(md5)).exists() for md5 in md5s)


def _download(
    objects: Objects, outs: Iterable[tuple[RecordedOut, Iterable[str]]], progress: Progress
) -> int:
    wanted: dict[Remote, list[str]] = {}
    for recorded, md5s in outs:
        remote = objects.remote_of(recorded.stage, recorded.out.path)
        wanted.setdefault(remote, []).extend(md5s)
    return sum(remote.pull(names, progress) for remote, names in wanted.items())


def names_in(cache: Any, recorded: RecordedOut) -> list[str]:
    """Return the paths of the files in a folder, or in a part of it; none if it is not cached."""
    return list(_files(cache, recorded))


def _members(cache: Any, recorded: RecordedOut) -> Iterable[str]:
    return _files(cache, recorded).values()


def _files(cache: Any, recorded: RecordedOut) -> dict[str, str]:
    """Return path and md5 of the files in a folder, or in a part of it, if its list is cached."""
    md5 = md5_of_out(recorded.item)
    listing = Path(cache.oid_to_path(md5))
    if not md5.endswith(".dir") or not listing.exists():
        return {}
    part = recorded.at.removeprefix(recorded.out.at).lstrip("/")
    files = files_of(listing.read_bytes())
    return {name: inner for name, inner in files.items() if not part or overlap(name, part)}
