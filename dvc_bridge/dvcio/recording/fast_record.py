"""Record a stage that has run without DVC's objects: the same files in a tenth of the time.

This covers most stages: those whose outs are plain files of moderate size in a cache that uses
copies. `Stage.save` and `Stage.commit` of DVC record all others. The recorder writes the same data
as these two methods: objects, run-cache entry, .gitignore lines, modes and, at the end of the run,
the hashes and links in DVC's state database.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import UMASK, copy_file
from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.dvcio.hashes import signature_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.copy_check import check_object
from dvc_bridge.dvcio.recording.run_cache import keep_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import PROTECTED, Workspace
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    LockItem,
    Pointer,
    item_path,
    lock_item,
    lock_items,
    lock_pointers,
    pointer_of,
    with_outs,
)
from dvc_bridge.pipeline.stage import Output, Stage
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.next_action import (
    current_inputs,
    has_new_folder,
    in_run_cache,
    is_legacy,
)

# Above this size, the bytes cost more than DVC's objects, and DVC reads large files in parallel.
MODERATE_BYTES = 1 << 26
PLAIN_LINKS = (None, "reflink,copy", ["reflink", "copy"])


class FastRecorder:
    """Records stages one by one; `remember` then passes their hashes to DVC."""

    def __init__(self, project: Project, session: Session, workspace: Workspace) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        cache: Mapping[str, Any] = project.config.get("cache", {})
        self._is_plain_cache = set(cache) <= {"dir", "type"} and cache.get("type") in PLAIN_LINKS
        is_in_project = project.cache.is_relative_to(project.root)
        self._scratch = project.scratch if is_in_project else project.cache
        self._hashed: dict[str, str] = {}

    def record(self, stage: Stage) -> LockEntry | None:
        """Store the stage's outs and return its lock entry; None if DVC must record the stage.

        If the result is None, nothing has changed.

        Raises
        ------
        UsageError
            An out has changed while it was stored.
        """
        if not (self._is_plain_cache and in_run_cache(stage) and all(map(_is_plain, stage.outs))):
            return None
        if is_legacy(stage):
            return None
        try:
            # Outs first: if DVC must record them, it also hashes the deps itself.
            outs = {out.path: self._pointer(out) for out in stage.outs}
            inputs = current_inputs(stage, self._workspace)
        except Exception:
            return None
        if has_new_folder(stage, "outs", outs) or has_new_folder(
            stage, "deps", lock_pointers(inputs, "deps")
        ):
            return None
        paths = [self._path(out.at) for out in stage.outs]
        repo = self._session.repo
        if any(repo.scm.is_tracked(path) for path in paths):
            return None
        for path in paths:
            repo.scm_context.ignore(path)
        entry = _entry(inputs, outs)
        for path, pointer in zip(paths, outs.values(), strict=True):
            self._store(path, pointer)
            repo.state.save_link(path, repo.fs)
            self._hashed[path] = pointer["md5"]
        for dep in stage.deps:
            signature_and_md5 = self._workspace.hashes.known(self._path(dep.at))
            if signature_and_md5:
                self._hashed[self._path(dep.at)] = signature_and_md5[1]
        keep_run(self._project.cache, entry, self._scratch)
        return entry

    def remember(self) -> None:
        """Save the hashes of recorded files for DVC, so that `dvc status` does not compute them.

        Files that have changed since are left out.
        """
        hashed, self._hashed = self._hashed, {}
        if not hashed:
            return
        from dvc_data.hashfile.hash_info import HashInfo  # noqa: PLC0415  with DVC, when needed

        repo = self._session.repo
        self._workspace.hashes.settle()
        items = []
        for path, md5 in hashed.items():
            info = self._unchanged(path, md5)
            if info is not None:
                items.append((path, HashInfo("md5", md5), info))
        if hasattr(repo.state, "save_many"):
            repo.state.save_many(items, repo.fs)
        else:  # dvc-data of DVC 3.63 and earlier
            for path, md5_info, info in items:
                repo.state.save(path, repo.fs, md5_info, info=info)

    def _unchanged(self, path: str, md5: str) -> Mapping[str, Any] | None:
        """Return DVC's `info` of the file if it has not changed since it was hashed, else None."""
        hashed = self._workspace.hashes.known(path)
        try:
            info: Mapping[str, Any] = self._session.repo.fs.info(path)
            signature = signature_of(os.stat(path))  # noqa: PTH116  a string
        except OSError:
            return None
        same = hashed == (signature, md5) and not info.get("islink")
        # DVC's stat call came first. If the file changed between the two calls, they differ.
        return info if same and info["ino"] == signature[0] else None

    def _path(self, location: str) -> str:
        return f"{self._project.root}/{location}"

    def _pointer(self, out: Output) -> Pointer:
        path = self._path(out.at)
        info = os.lstat(path)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1 or out.at.endswith("/"):
            raise UndecidedError
        if not 0 < info.st_size <= MODERATE_BYTES:
            raise UndecidedError
        pointer = self._workspace.out(out)
        is_cached = pointer is not None and self._workspace.kept(pointer)  # raises if uncertain
        if pointer is None:
            raise UndecidedError
        return Pointer({**pointer, "kept": True}) if is_cached else pointer

    def _store(self, path: str, pointer: Pointer) -> None:
        mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116  a string
        default_mode = 0o666 & ~UMASK | (stat.S_IXUSR if pointer.get("isexec") else 0)
        if mode != default_mode:
            os.chmod(path, default_mode)  # noqa: PTH101
        if pointer.get("kept"):
            return
        target = self._project.cache / object_path(pointer["md5"])
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(Path(path), target, self._scratch, mode=PROTECTED)
        if self._workspace.hashes.has_changed(path):
            check_object(target, pointer["md5"], os.path.relpath(path, self._project.root))


def _is_plain(out: Output) -> bool:
    return out.cached and out.local and not out.persist and not out.shown


def _entry(inputs: LockEntry, outs: Mapping[str, Pointer]) -> LockEntry:
    """Build the entry in the order in which DVC writes it."""
    entry = dict(inputs)
    if "deps" in entry:
        deps = lock_items(inputs, "deps")
        entry["deps"] = [_item(item_path(dep), pointer_of(dep)) for dep in deps]
    return with_outs(entry, (_item(path, outs[path]) for path in sorted(outs)))


def _item(path: str, pointer: Pointer) -> LockItem:
    order = ("hash", "md5", "size", "nfiles", "isexec")
    return lock_item(path, Pointer({key: pointer[key] for key in order if key in pointer}))
