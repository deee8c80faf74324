"""Outs between workspace, cache and remotes, each by the remote it belongs to."""

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
from dvc_bridge.dvcio.remotes.listing import files_of, holds
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import IntegrityError, LostObjectError, UsageError
from dvc_bridge.pipeline.result import Modes
from dvc_bridge.pipeline.stage import LockEntry, Pointer, Stage, StageKind
from dvc_bridge.planning.next_action import leaves_run
from dvc_bridge.planning.output_remote import home


class Objects:
    """The objects of a run's outs.

    Parameters
    ----------
    scratch
        A folder in the default remote for the outs that say `push: false`.
    """

    def __init__(self, session: Session, scratch: str) -> None:
        self._session = session
        self._aside_folder = session.project.scratch / "aside"
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
            apart = {md5 for md5 in md5s if Path(self._aside.oid_to_path(md5)).exists()}
            remote.send(set(md5s) - apart)
            if apart:
                remote.send(apart, self._aside)

    def fetch(self, wanted: Iterable[tuple[Stage, LockEntry]]) -> None:
        """Bring the outs of lock entries into the local cache, or aside where DVC caches none.

        All that a remote has of them comes in one go: it answers many requests at a time.

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
            outs = [out for out in entry.get("outs") or () if not self._here(out)]
            for cached in (True, False):
                part = {"outs": [out for out in outs if (out["path"] in in_cache) is cached]}
                for remote, md5s in self._by_remote(stage, part):
                    batches.setdefault((remote, cached), []).extend(md5s)
                    makers.update((md5, stage.address) for md5 in md5s if md5 not in makers)
        for (remote, cached), md5s in batches.items():
            into = None if cached else self._aside
            try:
                remote.fetch(md5s, into)
            except LostObjectError as exc:
                cache = into or self._session.repo.cache.local
                address = makers[next(md5 for md5 in md5s if holds(cache, md5, exc.md5))]
                raise IntegrityError(f"{address}: {exc.message}", exc.fix) from exc

    def listing(self, stage: Stage, pointer: Pointer) -> dict[str, str]:
        """Return the files of a folder out, wherever it is: path -> md5."""
        belongs = home(stage, str(pointer.get("path")))
        remote = self._remote(belongs.remote, pushed=belongs.pushed)
        return remote.listing(md5_of_out(pointer))

    def keep_uncached(self, stage: Stage, entry: LockEntry) -> None:
        """Put the objects of outs that DVC does not cache aside, so that they can be sent."""
        names = {out.path for out in stage.outs if out.local and not out.cached}
        if not names:
            return
        from dvc_data.hashfile.build import build  # noqa: PLC0415  as in `_aside`
        from dvc_data.hashfile.transfer import transfer  # noqa: PLC0415

        repo, aside = self._session.repo, self._aside
        wdir = str(repo.root_dir / Path(stage.wdir))
        for out in repo.stage_cache._create_stage(dict(entry), wdir=wdir).outs:
            if out.def_path in names and out.is_in_repo:
                made, _, whole = build(
                    aside, out.fs_path, out.fs, out.hash_name, ignore=out.dvcignore
                )
                transfer(made, aside, {whole.hash_info}, shallow=False)

    def place(self, stage: Stage, entry: LockEntry, kept: Modes, at: int, *, ignore: bool) -> None:
        """Put the outs of a lock entry where they belong in the workspace.

        Parameters
        ----------
        kept
            Modes, as `modes` gives them.
        at
            The stage's place in the run.
        ignore
            Whether .gitignore gets its lines, as when the stage has run.
        """
        loaded = self._session.stage(replace(stage, lock=entry), at)
        for out in loaded.outs:
            if not out.is_in_repo or not out.hash_info:
                continue
            Path(out.fs_path).parent.mkdir(parents=True, exist_ok=True)
            if out.use_cache:
                out.checkout(force=True)
                if ignore:
                    _ignore(out)
            else:
                self._copy(out)
                if out.meta.isexec:
                    out.set_exec()
                if ignore and leaves_run(stage):  # DVC's run cache stores those outs as links
                    self._session.repo.state.save_link(out.fs_path, out.fs)
            for file, mode in kept.get(out.def_path, {}).items():
                path = Path(out.fs_path, file)
                if not path.is_symlink() and path.stat().st_nlink == 1:  # else it is the cache's
                    path.chmod(mode)

    def _copy(self, out: Any) -> None:
        """Place an out that is not linked to the cache, as git-tracked metrics are not."""
        target, md5 = Path(out.fs_path), out.hash_info.value
        aside = self._aside
        cache = aside if Path(aside.oid_to_path(md5)).exists() else self._session.repo.cache.local
        if target.is_dir() and target.is_symlink():  # to another disk: it stays
            for inside in target.iterdir():
                remove_tree(inside)
        remove_tree(target)
        if not md5.endswith(".dir"):
            shutil.copyfile(cache.oid_to_path(md5), target)
            return
        target.mkdir(exist_ok=True)
        for name, inner in files_of(Path(cache.oid_to_path(md5)).read_bytes()).items():
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cache.oid_to_path(inner), file)

    def _here(self, pointer: Pointer) -> bool:
        """Whether the local cache holds an out, with all its files."""
        cache, md5 = self._session.repo.cache.local, md5_of_out(pointer)
        whole = Path(cache.oid_to_path(md5))
        if not md5.endswith(".dir") or not whole.exists():
            return whole.exists()
        files = files_of(whole.read_bytes()).values()
        return all(Path(cache.oid_to_path(inner)).exists() for inner in files)

    @cached_property
    def _aside(self) -> Any:
        from dvc.fs import LocalFileSystem  # noqa: PLC0415  the session has opened DVC
        from dvc_data.hashfile.db import get_odb  # noqa: PLC0415

        return get_odb(LocalFileSystem(), str(self._aside_folder), hash_name="md5")

    def close(self) -> None:
        """Remove what lies aside."""
        shutil.rmtree(self._aside_folder, ignore_errors=True)
        self.__dict__.pop("_aside", None)  # it remembers which of its folders are there

    def _by_remote(self, stage: Stage, entry: LockEntry) -> Iterator[tuple[Remote, list[str]]]:
        found: dict[tuple[str | None, bool], list[str]] = {}
        for item in entry.get("outs") or ():
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


def _ignore(out: Any) -> None:
    from dvc.exceptions import DvcException  # noqa: PLC0415  the session has opened DVC

    try:
        out.ignore()
    except DvcException as exc:
        raise UsageError(str(exc), f"git rm -r --cached {out}") from exc


def md5_of_out(item: Pointer) -> str:
    """Return the md5 of an out in a lock entry.

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


def modes(root: Path, stage: Stage, entry: LockEntry) -> dict[str, dict[str, int]]:
    """Return the modes of a stage's outs, as they are now, that no object says."""
    found: dict[str, dict[str, int]] = {}
    if stage.kind is not StageKind.STAGE:
        return found
    outs = {out.path: out for out in stage.outs}
    for item in entry.get("outs") or ():
        out = outs[item["path"]]
        path = root / out.at
        folder = str(item.get("md5", "")).endswith(".dir")
        if not path.exists():
            continue
        files = sorted(path.rglob("*")) if folder else [path]
        kept = {}
        for file in files:
            mode = os.lstat(file).st_mode
            if stat.S_ISREG(mode) and (mode & stat.S_IXUSR or not out.cached):
                kept[file.relative_to(path).as_posix() if folder else ""] = stat.S_IMODE(mode)
        if kept:
            found[item["path"]] = kept
    return found
