"""A stage that has run, recorded without DVC's objects: the same files in a tenth of the time.

For stages whose outs are plain files of moderate size in a cache of plain copies, which is most of
them; every other stage is left to `Stage.save` and `Stage.commit`. What those two would leave is
left here too: objects, run-cache entry, .gitignore lines, modes, and, at the end of the run, what
DVC itself remembers of hashes and links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import UMASK, copy_file
from dvc_bridge.dvcio.hashes import signature_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.run_cache import keep_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import PROTECTED, Workspace
from dvc_bridge.pipeline.stage import LockEntry, Output, Pointer, Stage
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.next_action import current_inputs, in_run_cache, is_legacy

# Above this the bytes cost more than DVC's objects do, and DVC reads large files in parallel.
MODERATE_BYTES = 1 << 23
PLAIN_LINKS = (None, "reflink,copy", ["reflink", "copy"])


class FastRecorder:
    """Records stages one by one; what DVC should remember is handed over by `remember`."""

    def __init__(self, project: Project, session: Session, workspace: Workspace) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        cache: Mapping[str, Any] = project.config.get("cache", {})
        self._can = set(cache) <= {"dir", "type"} and cache.get("type") in PLAIN_LINKS
        inside = project.cache.is_relative_to(project.root)
        self._scratch = project.scratch if inside else project.cache
        self._hashed: dict[str, str] = {}

    def record(self, stage: Stage) -> LockEntry | None:
        """Store what the stage's command left and give its lock entry; None: DVC must do it.

        Nothing has been changed where it is None.
        """
        if not (self._can and in_run_cache(stage) and all(map(_is_plain, stage.outs))):
            return None
        if is_legacy(stage):
            return None
        try:
            inputs = current_inputs(stage, self._workspace)
            outs = {out.path: self._pointer(out) for out in stage.outs}
        except Exception:
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
            read = self._workspace.hashes.known(self._path(dep.at))
            if read:
                self._hashed[self._path(dep.at)] = read[1]
        keep_run(self._project.cache, entry, self._scratch)
        return entry

    def remember(self) -> None:
        """Tell DVC the hashes of what was recorded, so that `dvc status` reads nothing again.

        Of files that have changed since, it is told nothing.
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
        else:  # dvc-data of DVC 3.63 and before
            for path, md5_info, info in items:
                repo.state.save(path, repo.fs, md5_info, info=info)

    def _unchanged(self, path: str, md5: str) -> Mapping[str, Any] | None:
        """Return what DVC tells files apart by, if the file is still the one that was hashed."""
        known = self._workspace.hashes.known(path)
        try:
            info: Mapping[str, Any] = self._session.repo.fs.info(path)
            signature = signature_of(os.stat(path))  # noqa: PTH116  strings, as in `look`
        except OSError:
            return None
        same = known == (signature, md5) and not info.get("islink")
        # DVC's own stat came first: had the file changed between the two, they would differ.
        return info if same and info["ino"] == signature[0] else None

    def _path(self, at: str) -> str:
        return f"{self._project.root}/{at}"

    def _pointer(self, out: Output) -> Pointer:
        path = self._path(out.at)
        info = os.lstat(path)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1 or out.at.endswith("/"):
            raise UndecidedError
        if not 0 < info.st_size <= MODERATE_BYTES:
            raise UndecidedError
        pointer = self._workspace.out(out)
        kept = pointer is not None and self._workspace.kept(pointer)  # raises where it is doubtful
        if pointer is None:
            raise UndecidedError
        return {**pointer, "kept": True} if kept else pointer

    def _store(self, path: str, pointer: Pointer) -> None:
        mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116  strings, as in `look`
        plain = 0o666 & ~UMASK | (stat.S_IXUSR if pointer.get("isexec") else 0)
        if mode != plain:
            os.chmod(path, plain)  # noqa: PTH101
        if pointer.get("kept"):
            return
        md5 = pointer["md5"]
        target = self._project.cache / "files" / "md5" / md5[:2] / md5[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(Path(path), target, self._scratch, mode=PROTECTED)


def _is_plain(out: Output) -> bool:
    return out.cached and out.local and not out.persist and not out.shown


def _entry(inputs: LockEntry, outs: Mapping[str, Pointer]) -> LockEntry:
    """Put the entry together in the order in which DVC writes it."""
    entry = dict(inputs)
    if "deps" in entry:
        entry["deps"] = [_item(dep["path"], dep) for dep in entry["deps"]]
    return {**entry, "outs": [_item(path, outs[path]) for path in sorted(outs)]}


def _item(path: str, pointer: Pointer) -> dict[str, Any]:
    order = ("hash", "md5", "size", "nfiles", "isexec")
    return {"path": path, **{key: pointer[key] for key in order if key in pointer}}
