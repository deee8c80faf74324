"""Downloading results of a remote run while some of its tasks still run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Event, Thread

from dvc_bridge.dvcio.remotes.recorded_objects import download
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.recorded_data import recorded_outs
from dvc_bridge.remote_run.run_store import Store


class EarlyDownload:
    """Downloads the outs of tasks into the cache, one task after the other, in a thread.

    It only shortens the merge, which downloads what the cache lacks, and reports what is wrong with
    an object. Nothing outside the cache changes, so it needs no lock, like another `dvc fetch` into
    a shared cache.

    Parameters
    ----------
    stages
        The stages of each task.
    """

    def __init__(
        self, session: Session, store: Store, objects: Objects, stages: Sequence[Sequence[Stage]]
    ) -> None:
        self._cache = session.repo.cache.local
        self._store, self._objects, self._stages = store, objects, stages
        self._tasks: SimpleQueue[TaskNumber | None] = SimpleQueue()
        self._is_stopped = Event()

    def add(self, task: TaskNumber) -> None:
        """Download the results of a task that has succeeded."""
        self._tasks.put(task)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Download until the block ends, and finish the transfer that is then in progress.

        If the block raises an error, nothing waits for the transfer: the process is about to end.
        """
        # Python would wait for the threads of an executor before it ends.
        thread = Thread(target=self._download_tasks, daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self._stop()
            raise
        self._stop()
        thread.join()

    def _stop(self) -> None:
        self._is_stopped.set()
        self._tasks.put(None)

    def _download_tasks(self) -> None:
        while (task := self._tasks.get()) is not None and not self._is_stopped.is_set():
            with suppress(BridgeError):  # the merge meets the same error, and reports it
                self._download(self._store.results(self._stages[task]), self._stages[task])

    def _download(self, results: Mapping[str, Result], stages: Sequence[Stage]) -> None:
        for stage in stages:
            result = results.get(stage.address)
            if result is None or not result.good or result.outcome is Outcome.UNCHANGED:
                continue
            recorded = recorded_outs(stage, result.entry)
            outs = [each for each in recorded if each.out.cached]
            if not self._is_stopped.is_set():
                download(self._objects, self._cache, outs, lambda _arrived: None)
