"""Outs between workspace, cache and remotes, each by the remote it belongs to."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.plan.pipeline import Kind, LockEntry, Pointer, Stage
from dvc_bridge.plan.remotes import home


class Objects:
    """The objects of a run's outs.

    Parameters
    ----------
    scratch
        A folder in the default remote for the outs that say `push: false`.
    """

    def __init__(self, session: Session, scratch: str) -> None:
        self._session = session
        self._scratch_folder = scratch
        self._remotes: dict[tuple[str | None, bool], Remote] = {}

    @property
    def default(self) -> Remote:
        """The default remote."""
        return self._remote(None, pushed=True)

    def has(self, stage: Stage, entry: LockEntry) -> bool:
        """Whether the remotes hold all outs of a lock entry."""
        return all(remote.has(md5s) == set(md5s) for remote, md5s in self._by_remote(stage, entry))

    def send(self, stage: Stage, entry: LockEntry) -> None:
        """Put the outs of a lock entry into their remotes, also those that DVC does not cache."""
        for remote, md5s in self._by_remote(stage, entry):
            remote.send(md5s)

    def fetch(self, stage: Stage, entry: LockEntry, paths: Iterable[str] | None = None) -> None:
        """Bring outs of a lock entry, all or those with these paths, into the local cache.

        Raises
        ------
        IntegrityError
            An object is missing or damaged.
        """
        wanted = None if paths is None else set(paths)
        for remote, md5s in self._by_remote(stage, entry, wanted):
            try:
                remote.fetch(md5s)
            except IntegrityError as exc:
                raise IntegrityError(f"{stage.address}: {exc.message}", exc.fix) from exc

    def keep_uncached(self, stage: Stage, entry: LockEntry) -> None:
        """Put outs that DVC does not cache into the local cache, so that they can be sent."""
        repo = self._session.repo
        caches = repo.stage_cache
        names = {out.path for out in stage.outs if out.local and not out.cached}
        if not names:
            return
        loaded = caches._create_stage(dict(entry), wdir=str(repo.root_dir / Path(stage.wdir)))
        with caches._cache_type_copy():
            for out in loaded.outs:
                if out.def_path in names and out.is_in_repo:
                    out.commit()

    def place(
        self, stage: Stage, entry: LockEntry, executable: Mapping[str, list[str]], at: int
    ) -> None:
        """Put the outs of a lock entry where they belong in the workspace, from the local cache.

        Parameters
        ----------
        executable
            Out path -> files in that folder that may be executed.
        at
            The stage's place in the run.
        """
        loaded = self._session.stage(replace(stage, lock=entry), at)
        for out in loaded.outs:
            if not out.is_in_repo or not out.hash_info:
                continue
            Path(out.fs_path).parent.mkdir(parents=True, exist_ok=True)
            if out.use_cache:
                out.checkout(force=True)
                out.ignore()
            else:
                self._copy(out)
            for inside in executable.get(out.def_path, ()):
                _may_execute(Path(out.fs_path, inside))

    def _copy(self, out: Any) -> None:
        """Place an out that is not linked to the cache, as git-tracked metrics are not."""
        target = Path(out.fs_path)
        cache = self._session.repo.cache.local
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        if not out.hash_info.isdir:
            shutil.copyfile(cache.oid_to_path(out.hash_info.value), target)
            if out.meta.isexec:
                _may_execute(target)
            return
        target.mkdir()
        for parts, _, info in out.get_obj() or ():
            file = target.joinpath(*parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cache.oid_to_path(info.value), file)

    def _by_remote(
        self, stage: Stage, entry: LockEntry, paths: set[str] | None = None
    ) -> Iterator[tuple[Remote, list[str]]]:
        found: dict[tuple[str | None, bool], list[str]] = {}
        for item in entry.get("outs") or ():
            if paths is None or item["path"] in paths:
                belongs = home(stage, item["path"])
                found.setdefault((belongs.remote, belongs.pushed), []).append(md5_of_out(item))
        for (name, pushed), md5s in found.items():
            yield self._remote(name, pushed=pushed), md5s

    def _remote(self, name: str | None, *, pushed: bool) -> Remote:
        key = (name, True) if pushed else (None, False)
        if key not in self._remotes:
            under = "" if pushed else self._scratch_folder
            self._remotes[key] = Remote(self._session.repo, key[0], under)
        return self._remotes[key]


def md5_of_out(item: Pointer) -> str:
    """Give the md5 of an out in a lock entry.

    Raises
    ------
    UsageError
        It has another kind of hash.
    """
    if item.get("hash", "") != "md5" or "md5" not in item:
        raise UsageError(
            f"{item.get('path')} has no md5 of DVC 3 in dvc.lock",
            "dvc cache migrate --dvc-files, or dvc repro --force once",
        )
    return str(item["md5"])


def executables(root: Path, stage: Stage, entry: LockEntry) -> dict[str, list[str]]:
    """Give the files that may be executed in each out folder of a stage as it is now."""
    found: dict[str, list[str]] = {}
    if stage.kind is not Kind.STAGE:
        return found
    at = {out.path: out.at for out in stage.outs}
    for item in entry.get("outs") or ():
        if str(item.get("md5", "")).endswith(".dir"):
            folder = root / at[item["path"]]
            files = [path for path in sorted(folder.rglob("*")) if _is_executable(path)]
            if files:
                found[item["path"]] = [path.relative_to(folder).as_posix() for path in files]
    return found


def _is_executable(path: Path) -> bool:
    mode = os.lstat(path).st_mode
    return stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)


def _may_execute(path: Path) -> None:
    mode = path.stat().st_mode
    readable = mode & (stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    path.chmod(mode | readable >> 2)
