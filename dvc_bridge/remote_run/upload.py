"""A run of pods from a workspace: what it would do, its manifest's words, and its beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.run_cache import any_run, ask_dvc, newest_run
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import LockEntry, Pipeline, Stage, StageKind
from dvc_bridge.planning.forecast import Sources, forecast
from dvc_bridge.planning.output_remote import remotes
from dvc_bridge.planning.run_cache_key import run_folder
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.snapshot import Snapshot, take
from dvc_bridge.remote_run.task import PlannedTask, plan_file
from dvc_bridge.remote_run.task_plan import RemoteState, Settled, needed, plan_tasks, settle


@dataclass(frozen=True)
class Submission:
    """All that a Workflow's pods need, in the remote.

    Parameters
    ----------
    words
        For each group, by what its pod finds its line of the plan.
    """

    run: str
    plan_tasks: tuple[PlannedTask, ...]
    words: tuple[str, ...]
    code: str


class RemoteForecast:
    """What a run would do with the stages at `order`, seen from here and from the remote."""

    def __init__(
        self, project: Project, pipeline: Pipeline, order: Sequence[int], session: Session
    ) -> None:
        self._project, self.pipeline, self.order = project, pipeline, order
        self._session = session
        self._workspace = Workspace(project)
        self.objects = Objects(session, "")
        self._listed: dict[str, frozenset[str]] = {}
        self.reach = RemoteState(self._workspace, self.objects, pipeline)

    def settle(self, *, force: bool, alone: bool) -> Settled:
        """Sort the stages; results in the remote's run cache count as those here do."""
        sources = Sources(
            self.reach, self._run, self._has_runs, lambda stage: ask_dvc(self._session, stage)
        )
        found = forecast(self.pipeline, self.order, sources, force=force, alone=alone)
        self._workspace.hashes.save()
        return settle(self._project, self.pipeline, found)

    def _run(self, key: str) -> LockEntry | None:
        found = newest_run(self._project, key)
        if found is not None or not self._there(run_folder(key)):
            return found
        return next(iter(self.objects.default.runs(key)), None)

    def _has_runs(self) -> bool:
        return any_run(self._project) or bool(self._names("runs"))

    def _there(self, folder: str) -> bool:
        """Whether the remote has a folder of the run cache.

        Each folder above is listed once: of thousands of stages, most have no result there.
        """
        above, _, name = folder.rpartition("/")
        return not above or name in self._names(above)

    def _names(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            remote = self.objects.default
            names = remote.names(remote.path(*folder.split("/"))) if self._there(folder) else []
            self._listed[folder] = frozenset(names)
        return self._listed[folder]


def submit(
    project: Project,
    outlook: RemoteForecast,
    settled: Settled,
    groups: Sequence[Sequence[int]],
    jobs: Sequence[int],
    run: str,
    *,
    force: bool = False,
    mutexes: Sequence[frozenset[str]] = (),
    allow: Sequence[str] = (),
    warn: Callable[[str], object],
) -> Submission:
    """Put code, data and plan of a run into the remote, the plan last.

    Parameters
    ----------
    groups
        Positions of the stages of each pod.
    jobs
        How many stages each pod runs at a time.
    allow
        As for `snapshot.take`.
    warn
        Is told what looks wrong with the snapshot.
    """
    pipeline = outlook.pipeline
    snapshot = snapshot_of(project, pipeline, allow, warn)
    base = project.git_root or project.root
    found = plan_tasks(
        pipeline,
        settled,
        groups,
        outlook.reach,
        root=project.root.relative_to(base).as_posix(),
        git=project.git_root is not None,
        force=force,
        jobs=jobs,
        mutexes=mutexes,
    )
    for stage, entry in needed(found):
        outlook.objects.send(stage, _without(stage, entry, snapshot, project))
    store = Store(outlook.objects.default, run)
    store.put_code(snapshot.sha256, snapshot.archive)
    plan, words = plan_file(found)
    store.put_plan(plan)
    return Submission(run, tuple(found), tuple(words), snapshot.sha256)


def check_sent(pipeline: Pipeline, objects: Objects) -> None:
    """Check that the remotes answer, and hold all data that stages read and no stage makes.

    Raises
    ------
    UsageError
        They do not.
    StorageError
        One does not answer.
    """
    objects.default.exists(objects.default.path("files"))
    read = {position for upstream in pipeline.upstream for position in upstream}
    data = [s for s in (pipeline.stages[p] for p in sorted(read)) if s.kind is not StageKind.STAGE]
    if lost := [s.file for s in data if s.lock and not objects.has(s, s.lock)]:
        raise UsageError(
            f"the remote does not have the data of {', '.join(lost)}", f"dvc push {' '.join(lost)}"
        )


def remote_names(pipeline: Pipeline) -> set[str]:
    """Return the names of the remotes of the stages' outs, without the default one."""
    return {name for stage in pipeline.stages for name in remotes(stage)}


def snapshot_of(
    project: Project, pipeline: Pipeline, allow: Sequence[str], warn: Callable[[str], object]
) -> Snapshot:
    """Archive the code as it stands; `warn` is given what it lacks, and its size if it is large.

    Parameters
    ----------
    allow
        As for `snapshot.take`.
    """
    snapshot = take(project, cached_outs(pipeline), allow)
    _check_reads(project, pipeline, snapshot)
    for text in snapshot.warnings:
        warn(text)
    return snapshot


def _check_reads(project: Project, pipeline: Pipeline, snapshot: Snapshot) -> None:
    """Check that no stage reads a file that was left out as a secret."""
    base = project.root.relative_to(project.git_root or project.root)
    problems = [
        f"{stage.address} reads {read.path}, which holds a secret and is not sent"
        for stage in pipeline.stages
        for read in stage.reads
        if stage.for_pods and (base / read.at).as_posix() in snapshot.secrets
    ]
    if problems:
        raise UsageError(
            "\n".join(problems),
            "give it to pods by a Secret (docs/argo.md: Credentials); or, where it is none,"
            " snapshot: {allow: [PATH]} in dvc-bridge.yaml",
        )


def cached_outs(pipeline: Pipeline) -> list[str]:
    """Name what no snapshot holds: outs that DVC keeps."""
    return [out.at for stage in pipeline.stages for out in stage.outs if out.local and out.cached]


def _without(stage: Stage, entry: LockEntry, snapshot: Snapshot, project: Project) -> LockEntry:
    """Leave out what pods find in the snapshot: outs that git tracks instead of DVC."""
    base = project.root.relative_to(project.git_root or project.root)
    own = {
        out.path
        for out in stage.outs
        if not out.cached and (base / out.at).as_posix() in snapshot.files
    }
    return {"outs": [out for out in entry.get("outs") or () if out["path"] not in own]}
