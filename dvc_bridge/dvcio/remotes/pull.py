"""Bring the missing data of stages of a local run: `--pull` of `dvc repro`.

The rules are those of `Stage.reproduce` (dvc/stage/__init__.py) and `run_stage` (dvc/stage/run.py).
DVC downloads the whole run cache before a run; this downloads the entries of stages that run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.dvc_stage import learn
from dvc_bridge.dvcio.recording.run_cache import keep_run, newest_run
from dvc_bridge.dvcio.remotes.byte_progress import running_total
from dvc_bridge.dvcio.remotes.recorded_objects import download, is_cached, names_in
from dvc_bridge.dvcio.remotes.remote import VersionedRemoteError
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import MissingInputError, UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.recorded_data import (
    RecordedOut,
    Upstream,
    edited_error,
    recorded_inputs,
    recorded_outs,
)


class Puller:
    """Downloads missing data into the cache, and checks them out into the workspace.

    Parameters
    ----------
    publish
        Writes the recorded entries to dvc.lock, which DVC reads.
    show
        Receives the bytes that have arrived, and the bytes of the whole transfer.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        workspace: Workspace,
        upstream: Upstream,
        publish: Callable[[], None],
        show: Callable[[int, int], None],
    ) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        self._upstream, self._publish, self._show = upstream, publish, show
        self._objects = Objects(session, "")

    def fetch(self, outs: Iterable[RecordedOut]) -> None:
        """Download the objects of outs, as far as the remotes have them."""
        missing = [r for r in outs if r.is_plain and not is_cached(self._cache, r)]
        if missing:
            total = sum({r.item["md5"]: r.size for r in missing}.values())
            progress = running_total(total, self._show)
            if arrived := download(self._objects, self._cache, missing, progress):
                self._show(arrived, arrived)

    def bring_outs(self, stage: Stage, index: RunIndex) -> bool:
        """Bring the recorded outs of a stage; return whether all of them are there now."""
        outs = recorded_outs(stage)
        if not all(recorded.is_plain for recorded in outs):
            return self._pull_by_dvc(self._session.stage(stage, index).addressing)
        try:
            self.fetch(outs)
        except VersionedRemoteError:
            return self._pull_by_dvc(self._session.stage(stage, index).addressing)
        placed = [self._place(recorded, index) for recorded in outs]
        return all(placed)

    def missing_inputs(self, stage: Stage) -> list[RecordedOut]:
        """Return the deps of a stage that are not in the workspace, as far as they are recorded."""
        inputs = recorded_inputs(stage, self._upstream)
        return [r for r in inputs if self.is_missing(r.at) or self._is_incomplete(r)]

    def is_missing(self, at: str) -> bool:
        """Return whether the workspace lacks a path."""
        return not os.path.lexists(self._path(at))

    def _is_incomplete(self, recorded: RecordedOut) -> bool:
        """Return whether the workspace lacks files of a folder, such as after the pull of a part.

        DVC does not look, and runs the stage with the files that are there.
        """
        names = names_in(self._cache, recorded) if recorded.is_plain else ()
        return any(self.is_missing(f"{recorded.out.at}/{name}") for name in names)

    def bring_inputs(self, stage: Stage, index: RunIndex) -> None:
        """Bring the missing deps of a stage.

        Raises
        ------
        MissingInputError
            The remote does not have what dvc.lock records.
        """
        missing = self.missing_inputs(stage)
        try:
            self.fetch(missing)
            are_objects = True
        except VersionedRemoteError:
            are_objects = False
        for recorded in missing:
            if are_objects and recorded.is_plain:
                is_there = self._place(recorded, index)
            else:
                is_there = self._pull_by_dvc(self._path(recorded.at))
            if not is_there:
                raise MissingInputError(
                    f"dependency {recorded.at} is neither here nor in the remote",
                    f"run dvc push {recorded.stage.address} where the data are",
                )

    def bring_result(self, stage: Stage, key: str | None) -> None:
        """Bring the objects of the result that DVC would restore for a stage, if there is one.

        Parameters
        ----------
        key
            The key of the run cache; None: only outs have changed since the entry in dvc.lock.
        """
        entry = stage.lock if key is None else newest_run(self._project, key)
        if entry is None and key is not None and (entry := self._remote_run(key)):
            keep_run(self._project.cache, entry, self._project.scratch)
        if entry is not None:
            self.fetch(recorded_outs(stage, entry))

    def _remote_run(self, key: str) -> LockEntry | None:
        try:
            remote = self._objects.default
        except UsageError:  # without a remote of objects, there is no run cache in a remote
            return None
        return next(iter(remote.runs(key)), None)

    def _place(self, recorded: RecordedOut, index: RunIndex) -> bool:
        """Check out an out, or a part of it; return whether it is there.

        Raises
        ------
        UsageError
            The workspace has other content, which is nowhere else.
        """
        from dvc.exceptions import CheckoutError, ConfirmRemoveError  # noqa: PLC0415  DVC is open

        from dvc_bridge.dvcio.recording.dvc_patches import unprompted  # noqa: PLC0415  it imports DVC

        if not is_cached(self._cache, recorded):
            return False
        loaded = self._session.stage(recorded.stage, index)
        out = next(out for out in loaded.outs if out.def_path == recorded.out.path)
        try:
            with unprompted():
                out.checkout(filter_info=None if recorded.is_whole else self._path(recorded.at))
        except CheckoutError:
            return False
        except ConfirmRemoveError as exc:
            raise edited_error(recorded.at) from exc
        learn(loaded, self._workspace.hashes)
        return not self.is_missing(recorded.at)

    def _pull_by_dvc(self, target: str) -> bool:
        from dvc.exceptions import CheckoutError  # noqa: PLC0415  as above

        from dvc_bridge.dvcio.recording.dvc_patches import unprompted  # noqa: PLC0415  as above

        self._publish()
        try:
            with unprompted():
                self._session.repo.pull(target)
        except CheckoutError:
            return False
        return True

    def _path(self, at: str) -> str:
        return f"{self._project.root}/{at}"

    @property
    def _cache(self) -> Any:
        return self._session.repo.cache.local
