"""The inputs of a worker's stages: it downloads them only if a command or a decision needs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.pipeline.ids import file_name
from dvc_bridge.pipeline.lock_entry import Pointer, pointer_of, with_outs
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Output, Stage, overlap
from dvc_bridge.remote_run.task import TaskStage

# The index, among the stages of a task, of everything that comes from other tasks.
BEFORE_ALL = RunIndex(-1)


class Inputs:
    """The outs of other stages, and the stage's own earlier outs, in the workspace of a worker.

    Parameters
    ----------
    workspace
        The files that are here.
    results
        The stages whose outs may be inputs, with their results. The caller adds those that end.
    """

    def __init__(
        self,
        project: Project,
        workspace: Workspace,
        objects: Objects,
        results: Sequence[tuple[Stage, Result]],
    ) -> None:
        self._project, self._workspace, self._objects = project, workspace, objects
        self._results = results
        self._present: set[str] = set()

    def add_outs(self, stage: Stage) -> None:
        """Note that the outs of a stage are here, because its command wrote them."""
        self._present.update(out.at for out in stage.outs)

    def find(self, at: str) -> tuple[Pointer | None, bool]:
        """Return the out of another stage at a path, and whether any out overlaps the path."""
        is_touched = False
        for stage, result in self._results:
            for path, item in result.out_items(stage).items():
                if path == at:
                    return pointer_of(item), True
                is_touched = is_touched or overlap(at, path)
        return None, is_touched

    def download(self, at: str) -> None:
        """Download the outs of other stages that overlap a path into the workspace."""
        for stage, result in self._results:
            for out in stage.outs:
                if overlap(at, out.at):
                    self._download_out(stage, result, out, BEFORE_ALL)

    def _download_out(self, stage: Stage, result: Result, out: Output, index: RunIndex) -> None:
        if out.at in self._present:
            return
        item = result.out_items(stage).get(out.at)
        if item and not self._is_in_code(result, out, pointer_of(item)):
            entry = with_outs(result.entry, [item])
            self._objects.fetch([(stage, entry)])
            changed = result.outcome is not Outcome.UNCHANGED
            self._objects.place(stage, entry, result.modes, index, ignore=changed)
        self._present.add(out.at)

    def _is_in_code(self, result: Result, out: Output, pointer: Pointer) -> bool:
        """Return whether an out is part of the code because git tracks it instead of DVC."""
        if out.cached or result.outcome is not Outcome.UNCHANGED:
            return False
        current = self._workspace.out(out)
        return current is not None and current.get("md5") == pointer.get("md5")

    def download_inputs(self, task: TaskStage, index: RunIndex) -> None:
        """Download everything that the command of a stage may read."""
        for read in task.stage.reads:
            self.download(read.at)
        self.download_own_outs(task, index, [out for out in task.stage.outs if out.persist])

    def download_own_outs(self, task: TaskStage, index: RunIndex, outs: Iterable[Output]) -> None:
        """Download the stage's own outs of dvc.lock, if the client has them unchanged."""
        if task.stage.lock is None:
            return
        previous = Result(task.stage.address, Outcome.UNCHANGED, task.stage.lock)
        for out in outs:
            if out.path in task.intact:
                self._download_out(task.stage, previous, out, index)

    def make_folders(self, stage: Stage) -> None:
        """Make the folders of the stage: a snapshot has no empty folders."""
        root = self._project.root
        for folder in [root / stage.wdir, *((root / out.at).parent for out in stage.outs)]:
            folder.mkdir(parents=True, exist_ok=True)

    def make_links(self, task: TaskStage) -> None:
        """Replace outs that the user has linked to folders by links to empty folders."""
        for out in task.stage.outs:
            link = self._project.root / out.at
            if out.path not in task.links or link.exists():
                continue
            link.unlink(missing_ok=True)  # the user's link, whose target does not exist here
            folder = self._project.scratch / "links" / file_name(out.at)
            folder.mkdir(parents=True)
            link.symlink_to(folder)
