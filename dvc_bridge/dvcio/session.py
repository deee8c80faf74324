"""DVC itself, opened when something must be recorded; until then a run needs none of it."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.stage import Stage, StageKind

if TYPE_CHECKING:
    from dvc_bridge.dvcio.recording.gitignore import GitignoreFiles
    from dvc_bridge.dvcio.recovery import RecoveryLog


class Session(ExitStack):
    """DVC's repository object for the time of a run, its bookkeeping batched.

    The caller holds the repository's lock whenever it uses what is given here.

    Parameters
    ----------
    warn
        Is told what DVC warns of.
    unfinished
        Keeps what a kill would leave half done; for sessions in which something is recorded.
    """

    def __init__(
        self,
        project: Project,
        warn: Callable[[str], object],
        unfinished: RecoveryLog | None = None,
    ) -> None:
        super().__init__()
        self.project, self._warn = project, warn
        self._unfinished = unfinished
        self._repo: Any = None
        self._ignores: GitignoreFiles | None = None
        self._asked = False
        self._problem: Exception | None = None
        self._place = 0

    def open(self) -> None:
        """Import and open DVC, half a second, if that was not done; `repo` tells of problems.

        On the caller's thread: modules of DVC import each other in circles, which two threads at
        once do not survive.
        """
        if not self._asked:
            self._asked = True
            try:
                self._open()
            except Exception as exc:
                self._problem = exc

    @property
    def opened(self) -> bool:
        """Whether DVC was needed."""
        return self._asked

    @property
    def repo(self) -> Any:
        """DVC's `Repo`, opened now if it was not.

        Raises
        ------
        UsageError
            DVC refuses the project's settings.
        """
        self.open()
        if isinstance(self._problem, BridgeError):
            raise self._problem
        if self._problem is not None:
            raise UsageError(f"DVC cannot open the project: {self._problem}", "see dvc doctor")
        self.turn(self._place)
        return self._repo

    def turn(self, place: int) -> None:
        """Let what is recorded next come at `place` of the run, whenever that is."""
        self._place = place
        if self._repo is not None and self._ignores:
            self._ignores.position = place

    @contextmanager
    def ignoring(self) -> Iterator[None]:
        """Take lines of .gitignore back where what is done inside fails; keep them where not.

        DVC takes back all lines of a run when its last stage fails, those of good stages too.
        """
        context = self.repo.scm_context
        mark = self._ignores.count if self._ignores else 0
        try:
            yield
        except Exception:
            gone = self._ignores.take_back(mark) if self._ignores else []
            tracked = {os.path.relpath(file) for file in gone}
            context.files_to_track -= tracked
            raise
        finally:
            context.ignored_paths = []

    def stage(self, stage: Stage, place: int) -> Any:
        """Return DVC's own object for the stage, whose turn it is."""
        from dvc.dvcfile import ProjectFile, load_file  # noqa: PLC0415  DVC is imported here only
        from dvc.stage.loader import StageLoader  # noqa: PLC0415

        repo = self.repo
        self.turn(place)
        path = str(self.project.root / stage.file)
        if stage.kind is not StageKind.STAGE:
            return load_file(repo, path).stage
        data, lock = copy.deepcopy((dict(stage.data), dict(stage.lock or {})))
        return StageLoader.load_stage(ProjectFile(repo, path), stage.name, data, lock)

    def track(self, files: list[str]) -> None:
        """Tell DVC of files that were written for it: with core.autostage it adds them to git."""
        if files:
            self.repo.scm_context.track_file([str(self.project.root / file) for file in files])

    def _open(self) -> None:
        from dvc.lock import LockNoop  # noqa: PLC0415  half a second
        from dvc.repo import Repo  # noqa: PLC0415

        from dvc_bridge.dvcio.recording.dvc_patches import batched  # noqa: PLC0415

        if self._unfinished:
            self._unfinished.begin()
            self.callback(self._unfinished.end)
        self.enter_context(_warnings_to(self._warn))
        repo = Repo(str(self.project.root))
        repo.lock = LockNoop()
        repo.lock.lock()
        self.callback(repo.close)
        self.enter_context(repo.scm_context(quiet=True))
        self._ignores = self.enter_context(batched(repo, self._unfinished))
        self._repo = repo


class _Warnings(logging.Handler):
    def __init__(self, warn: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        self._warn(f"DVC warns: {record.getMessage()}")


@contextmanager
def _warnings_to(warn: Callable[[str], object]) -> Iterator[None]:
    """Keep DVC from writing to the terminal, where its lines and bars would fall into a view."""
    for name in ("dvc.progress", "dvc_data.callbacks"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    log = logging.getLogger("dvc")
    before = log.handlers[:]
    log.handlers[:] = [_Warnings(warn)]
    try:
        yield
    finally:
        log.handlers[:] = before
