"""DVC's repository object, opened only when a run records something or needs DVC to decide."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.stage import Stage, StageKind

if TYPE_CHECKING:
    from dvc_bridge.dvcio.recording.gitignore import GitignoreFiles
    from dvc_bridge.dvcio.recovery import RecoveryLog


class Session(ExitStack):
    """DVC's repository object for one run, with batched writes of DVC's records.

    The caller holds the repository lock while it uses the session.

    Parameters
    ----------
    warn
        Called with each warning of DVC.
    recovery_log
        The log that lets the next run continue after a kill; for sessions that record results.
    """

    def __init__(
        self,
        project: Project,
        warn: Callable[[str], object],
        recovery_log: RecoveryLog | None = None,
    ) -> None:
        super().__init__()
        self.project, self._warn = project, warn
        self._recovery_log = recovery_log
        self._repo: Any = None
        self._ignores: GitignoreFiles | None = None
        self._is_opened = False
        self._open_error: Exception | None = None
        self._index = RunIndex(0)

    def open(self) -> None:
        """Import and open DVC (half a second) if it is not open; `repo` raises any error.

        Call this on one thread: DVC's modules have circular imports, which fail if two threads
        import them at the same time.
        """
        if not self._is_opened:
            self._is_opened = True
            try:
                self._open()
            except Exception as exc:
                self._open_error = exc

    @property
    def opened(self) -> bool:
        """Whether `open` has been called."""
        return self._is_opened

    @property
    def repo(self) -> Any:
        """DVC's `Repo`, opened on first use.

        Raises
        ------
        UsageError
            DVC cannot open the project.
        """
        self.open()
        if isinstance(self._open_error, BridgeError):
            raise self._open_error
        if self._open_error is not None:
            raise UsageError(f"DVC cannot open the project: {self._open_error}", "run dvc doctor")
        self.turn(self._index)
        return self._repo

    def turn(self, index: RunIndex) -> None:
        """Set the index in the run of the stage that is recorded next."""
        self._index = index
        if self._repo is not None and self._ignores:
            self._ignores.index = index

    @contextmanager
    def ignoring(self) -> Iterator[None]:
        """Remove the lines added to .gitignore in the block if the block fails.

        When the last stage of a run fails, DVC removes all lines of the run, including those of
        successful stages.
        """
        context = self.repo.scm_context
        mark = self._ignores.count if self._ignores else 0
        try:
            yield
        except Exception:
            removed = self._ignores.take_back(mark) if self._ignores else []
            context.files_to_track -= {os.path.relpath(file) for file in removed}
            raise
        finally:
            context.ignored_paths = []

    def stage(self, stage: Stage, index: RunIndex) -> Any:
        """Return DVC's object for the stage, and set the index to `index`."""
        from dvc.dvcfile import ProjectFile, load_file  # noqa: PLC0415  DVC is imported here only
        from dvc.stage.loader import StageLoader  # noqa: PLC0415

        repo = self.repo
        self.turn(index)
        path = str(self.project.root / stage.file)
        if stage.kind is not StageKind.STAGE:
            return load_file(repo, path).stage
        data, lock = copy.deepcopy((dict(stage.data), dict(stage.lock or {})))
        return StageLoader.load_stage(ProjectFile(repo, path), stage.name, data, lock)

    def track(self, files: list[str]) -> None:
        """Report written files to DVC, which adds them to git if core.autostage is set."""
        if files:
            self.repo.scm_context.track_file([str(self.project.root / file) for file in files])

    def _open(self) -> None:
        from dvc.lock import LockNoop  # noqa: PLC0415  half a second
        from dvc.repo import Repo  # noqa: PLC0415

        from dvc_bridge.dvcio.recording.dvc_patches import batched  # noqa: PLC0415

        if self._recovery_log:
            self._recovery_log.begin()
            self.callback(self._recovery_log.end)
        self.enter_context(_warnings_to(self._warn))
        repo = Repo(str(self.project.root))
        repo.lock = LockNoop()
        repo.lock.lock()
        self.callback(repo.close)
        self.enter_context(repo.scm_context(quiet=True))
        self._ignores = self.enter_context(batched(repo, self._recovery_log))
        self._repo = repo


class _Warnings(logging.Handler):
    def __init__(self, warn: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        self._warn(f"DVC warns: {record.getMessage()}")


@contextmanager
def _warnings_to(warn: Callable[[str], object]) -> Iterator[None]:
    """Pass DVC's warnings to `warn`; suppress its progress bars, which would break our display."""
    for name in ("dvc.progress", "dvc_data.callbacks"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    log = logging.getLogger("dvc")
    handlers = log.handlers[:]
    log.handlers[:] = [_Warnings(warn)]
    try:
        yield
    finally:
        log.handlers[:] = handlers
