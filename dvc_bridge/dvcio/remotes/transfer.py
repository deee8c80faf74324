"""Move outs between workspace, cache and remotes; each out has its own remote."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import remove_tree
from dvc_bridge.dvcio.hashes import files_of
from dvc_bridge.dvcio.remotes.listing import holds
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import IntegrityError, LostObjectError, UsageError
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    LockItem,
    is_folder,
    item_path,
    lock_items,
    with_outs,
)
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.result import Modes
from dvc_bridge.pipeline.stage import Stage, StageKind
from dvc_bridge.planning.next_action import leaves_run
from dvc_bridge.planning.output_remote import home


class Objects:
    """The objects of a run's outs, in the cache and in the remotes.

    Parameters
    ----------
    scratch
        A folder in the default remote for outs with `push: false`.
    """

    def __init__(self, session: Session, scratch: str) -> None:
        self._session = session
        self._uncached_folder = session.project.scratch / "aside"
        self._scratch_folder = scratch
        self._remotes: dict[tuple[str | None, bool], Remote] = {}

    @property
    def default(self) -> Remote:
        """The default remote."""
        return self._remote(None, pushed=True)

    @property
    def transferred_bytes(self) -> tuple[int, int]:
        """The size of the objects that were downloaded, and of those that were uploaded."""
        remotes = self._remotes.values()
        return sum(r.pulled_bytes for r in remotes), sum(r.pushed_bytes for r in remotes)

    def has(self, stage: Stage, entry: LockEntry) -> bool:
        """Return whether the remotes hold all outs of a lock entry."""
        return all(remote.has(md5s) == set(md5s) for remote, md5s in self._by_remote(stage, entry))

    def send(self, stage: Stage, entry: LockEntry) -> None:
        """Upload the outs of a lock entry to their remotes, also outs that DVC does not cache."""
        for remote, md5s in self._by_remote(stage, entry):
            uncached = {md5 for md5 in md5s if Path(self._uncached.oid_to_path(md5)).exists()}
            remote.send(set(md5s) - uncached)
            if uncached:
                remote.send(uncached, self._uncached)

    def fetch(self, wanted: Iterable[tuple[Stage, LockEntry]]) -> None:
        """Download the outs of lock entries into the local cache.

        Outs that DVC does not cache go to a separate object database. There is one transfer per
        remote, because a remote serves many requests in parallel.

        Raises
        ------
        IntegrityError
            An object is missing or damaged.
        """
        batches: dict[tuple[Remote, bool], list[str]] = {}
        makers: dict[str, str] = {}
        for stage, entry in wanted:
            in_cache = {
                out.path for out in stage.outs if out.cached or (out.shown and leaves_run(stage))
            }
            items = [item for item in lock_items(entry, "outs") if not self._is_cached(item)]
            for cached in (True, False):
                part = with_outs({}, (i for i in items if (item_path(i) in in_cache) is cached))
                for remote, md5s in self._by_remote(stage, part):
                    batches.setdefault((remote, cached), []).extend(md5s)
                    makers.update((md5, stage.address) for md5 in md5s if md5 not in makers)
        for (remote, cached), md5s in batches.items():
            target = None if cached else self._uncached
            try:
                remote.fetch(md5s, target)
            except LostObjectError as exc:
                cache = target or self._session.repo.cache.local
                address = makers[next(md5 for md5 in md5s if holds(cache, md5, exc.md5))]
                raise IntegrityError(f"{address}: {exc.message}", exc.fix) from exc

    def listing(self, stage: Stage, item: LockItem) -> dict[str, str]:
        """Return the files of a folder out, from the cache or its remote: path -> md5."""
        return self.remote_of(stage, item_path(item)).listing(md5_of_out(item))

    def remote_of(self, stage: Stage, path: str) -> Remote:
        """Return the remote of the out with this path in the stage's definition."""
        location = home(stage, path)
        return self._remote(location.remote, pushed=location.pushed)

    def keep_uncached(self, stage: Stage, entry: LockEntry) -> None:
        """Store the objects of outs that DVC does not cache, so that `send` can upload them.

        Outs that are not in the workspace are left out.
        """
        names = {out.path for out in stage.outs if out.local and not out.cached}
        if not names:
            return
        from dvc_data.hashfile.build import build  # noqa: PLC0415  as in `_uncached`
        from dvc_data.hashfile.transfer import transfer  # noqa: PLC0415

        repo, database = self._session.repo, self._uncached
        wdir = str(repo.root_dir / Path(stage.wdir))
        for out in repo.stage_cache._create_stage(dict(entry), wdir=wdir).outs:
            if out.def_path in names and out.is_in_repo and out.exists:
                staging, _, obj = build(
                    database, out.fs_path, out.fs, out.hash_name, ignore=out.dvcignore
                )
                transfer(staging, database, {obj.hash_info}, shallow=False)

    def place(
        self, stage: Stage, entry: LockEntry, file_modes: Modes, index: RunIndex, *, ignore: bool
    ) -> None:
        """Check out the outs of a lock entry into the workspace.

        Parameters
        ----------
        file_modes
            File modes, as `modes` returns them.
        index
            The index of the stage in the run.
        ignore
            Whether to add the lines to .gitignore, as after a run of the stage.
        """
        loaded = self._session.stage(replace(stage, lock=entry), index)
        for out in loaded.outs:
            if not out.is_in_repo or not out.hash_info:
                continue
            Path(out.fs_path).parent.mkdir(parents=True, exist_ok=True)
            if out.use_cache:
                out.checkout(force=True)
                if ignore:
                    _ignore(out)
            else:
                self._copy_out(out)
                if out.meta.isexec:
                    out.set_exec()
                if leaves_run(stage):  # DVC's run cache saves these outs as links
                    self._session.repo.state.save_link(out.fs_path, out.fs)
            for file, mode in file_modes.get(out.def_path, {}).items():
                path = Path(out.fs_path, file)
                # A link to the cache keeps its mode.
                if not path.is_symlink() and path.stat().st_nlink == 1:
                    path.chmod(mode)

    def _copy_out(self, out: Any) -> None:
        """Copy an out that DVC does not link to the cache, such as a metric that git tracks."""
        target, md5 = Path(out.fs_path), out.hash_info.value
        cache = self._uncached
        if not Path(cache.oid_to_path(md5)).exists():
            cache = self._session.repo.cache.local
        if target.is_dir() and target.is_symlink():  # keep the link, for example to another disk
            for child in target.iterdir():
                remove_tree(child)
        remove_tree(target)
        if not md5.endswith(".dir"):
            shutil.copyfile(cache.oid_to_path(md5), target)
            return
        target.mkdir(exist_ok=True)
        for name, inner in files_of(Path(cache.oid_to_path(md5)).read_bytes()).items():
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cache.oid_to_path(inner), file)

    def _is_cached(self, item: LockItem) -> bool:
        """Return whether the local cache holds an out with all its files."""
        cache, md5 = self._session.repo.cache.local, md5_of_out(item)
        path = Path(cache.oid_to_path(md5))
        if not md5.endswith(".dir") or not path.exists():
            return path.exists()
        files = files_of(path.read_bytes()).values()
        return all(Path(cache.oid_to_path(inner)).exists() for inner in files)

    @cached_property
    def _uncached(self) -> Any:
        """The object database of outs that DVC does not cache."""
        from dvc.fs import LocalFileSystem  # noqa: PLC0415  the session has opened DVC
        from dvc_data.hashfile.db import get_odb  # noqa: PLC0415

        return get_odb(LocalFileSystem(), str(self._uncached_folder), hash_name="md5")

    def close(self) -> None:
        """Remove the objects of outs that DVC does not cache."""
        shutil.rmtree(self._uncached_folder, ignore_errors=True)
        self.__dict__.pop("_uncached", None)  # the database caches which of its folders exist

    def _by_remote(self, stage: Stage, entry: LockEntry) -> Iterator[tuple[Remote, list[str]]]:
        md5s_by_remote: dict[Remote, list[str]] = {}
        for item in lock_items(entry, "outs"):
            remote = self.remote_of(stage, item_path(item))
            md5s_by_remote.setdefault(remote, []).append(md5_of_out(item))
        yield from md5s_by_remote.items()

    def _remote(self, name: str | None, *, pushed: bool) -> Remote:
        key = (name, True) if pushed else (None, False)
        if key not in self._remotes:
            folder = "" if pushed else self._scratch_folder
            self._remotes[key] = Remote(self._session.repo, key[0], folder)
        return self._remotes[key]


def _ignore(out: Any) -> None:
    from dvc.exceptions import DvcException  # noqa: PLC0415  the session has opened DVC

    try:
        out.ignore()
    except DvcException as exc:
        raise UsageError(str(exc), f"git rm -r --cached {out}") from exc


def md5_of_out(item: LockItem) -> str:
    """Return the md5 of an out in a lock entry.

    Raises
    ------
    UsageError
        The out has another kind of hash.
    """
    if item.get("hash", "") != "md5" or "md5" not in item:
        raise UsageError(
            f"{item_path(item)} has no DVC 3 md5 in dvc.lock",
            "run dvc cache migrate --dvc-files, or dvc repro --force once",
        )
    return str(item["md5"])


def modes(root: Path, stage: Stage, entry: LockEntry) -> dict[str, dict[str, int]]:
    """Return the current file modes of a stage's outs that objects do not record.

    Returns
    -------
    dict
        Path of the out -> path of the file in it (empty: the out itself) -> mode.
    """
    modes_by_out: dict[str, dict[str, int]] = {}
    if stage.kind is not StageKind.STAGE:
        return modes_by_out
    outs = {out.path: out for out in stage.outs}
    for item in lock_items(entry, "outs"):
        out = outs[item_path(item)]
        path = root / out.at
        if not path.exists():
            continue
        has_files = is_folder(item)
        files = sorted(path.rglob("*")) if has_files else [path]
        file_modes = {}
        for file in files:
            mode = os.lstat(file).st_mode
            if stat.S_ISREG(mode) and (mode & stat.S_IXUSR or not out.cached):
                name = file.relative_to(path).as_posix() if has_files else ""
                file_modes[name] = stat.S_IMODE(mode)
        if file_modes:
            modes_by_out[out.path] = file_modes
    return modes_by_out
