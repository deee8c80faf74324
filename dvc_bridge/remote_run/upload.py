"""The forecast of a remote run, and the upload of its code, data and plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.dvc_check import ask_dvc
from dvc_bridge.dvcio.recording.run_cache import any_run, newest_run
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, item_path, lock_items, with_outs
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Pipeline, Stage, StageKind
from dvc_bridge.planning.forecast import Sources, forecast
from dvc_bridge.planning.output_remote import remotes
from dvc_bridge.planning.run_cache_key import run_folder
from dvc_bridge.remote_run.remote_state import RemoteState
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.settle import Settled, settle
from dvc_bridge.remote_run.snapshot import Snapshot, take
from dvc_bridge.remote_run.task import plan_file
from dvc_bridge.remote_run.task_plan import inputs_to_upload, plan_tasks


@dataclass(frozen=True)
class Submission:
    """A run whose pods find all that they need in the remote.

    Parameters
    ----------
    references
        For each group, the reference by which its pod finds its line of the plan.
    """

    run: str
    references: tuple[str, ...]
    code: str


class RemoteForecast:
    """The forecast for the stages at `order`, based on the workspace and the remote."""

    def __init__(
        self, project: Project, pipeline: Pipeline, order: Sequence[StagePosition], session: Session
    ) -> None:
        self._project, self.pipeline, self.order = project, pipeline, order
        self._session = session
        self._workspace = Workspace(project)
        self.objects = Objects(session, "")
        self._listed: dict[str, frozenset[str]] = {}
        self.remote_state = RemoteState(self._workspace, self.objects, pipeline)

    def save_hashes(self) -> None:
        """Keep the hashes of the files that were read, for the next run."""
        self._workspace.hashes.save()

    def open_objects(self, run: str) -> Objects:
        """Return the objects of a run: where its workers look for them."""
        return Objects(self._session, scratch_folder(run))

    def settle(self, *, force: bool, alone: bool) -> Settled:
        """Sort the stages; the run caches here and in the remote both count.

        Parameters
        ----------
        force
            Whether commands run that are up to date. Data and frozen stages run no command: they
            are brought up to date here only if they differ, since the remote may have their data.
        """
        settled = self._settle(force=force, alone=alone)
        if force and settled.here:
            return replace(settled, here=self._settle(force=False, alone=alone).here)
        return settled

    def _settle(self, *, force: bool, alone: bool) -> Settled:
        sources = Sources(
            self.remote_state,
            self._run,
            self._has_runs,
            lambda stage: ask_dvc(self._session, stage, restores=False),
        )
        forecasts = forecast(self.pipeline, self.order, sources, force=force, alone=alone)
        try:
            return settle(self._project, self.pipeline, forecasts, self._workspace)
        finally:
            self.save_hashes()

    def _run(self, key: str) -> LockEntry | None:
        entry = newest_run(self._project, key)
        if entry is not None or not self._exists(run_folder(key)):
            return entry
        return next(iter(self.objects.default.runs(key)), None)

    def _has_runs(self) -> bool:
        return any_run(self._project) or bool(self._names("runs"))

    def _exists(self, folder: str) -> bool:
        """Return whether the remote has a folder of the run cache.

        Each parent folder is listed once: most of thousands of stages have no result there.
        """
        parent, _, name = folder.rpartition("/")
        return not parent or name in self._names(parent)

    def _names(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            remote = self.objects.default
            names = remote.names(remote.path(*folder.split("/"))) if self._exists(folder) else []
            self._listed[folder] = frozenset(names)
        return self._listed[folder]


def submit(
    project: Project,
    remote_forecast: RemoteForecast,
    settled: Settled,
    groups: Sequence[Sequence[StagePosition]],
    jobs: Sequence[int],
    run: str,
    *,
    force: bool = False,
    mutexes: Sequence[frozenset[str]] = (),
    allow: Sequence[str] = (),
    warn: Callable[[str], object],
) -> Submission:
    """Upload the code, the data and the plan of a run to the remote, the plan last.

    Parameters
    ----------
    groups
        The positions of the stages of each pod.
    jobs
        How many stages each pod runs at a time.
    allow
        As for `snapshot.take`.
    warn
        Receives warnings about the snapshot.
    """
    pipeline = remote_forecast.pipeline
    snapshot = snapshot_of(project, pipeline, allow, warn)
    base = project.git_root or project.root
    tasks = plan_tasks(
        pipeline,
        settled,
        groups,
        remote_forecast.remote_state,
        root=project.root.relative_to(base).as_posix(),
        git=project.git_root is not None,
        force=force,
        jobs=jobs,
        mutexes=mutexes,
    )
    remote_forecast.save_hashes()
    objects = remote_forecast.open_objects(run)
    for stage, entry in inputs_to_upload(tasks):
        _send_input(stage, _without(stage, entry, snapshot, project), objects)
    restored = _send_restored(pipeline, settled, objects)
    objects.close()
    store = Store(objects.default, run)
    store.put_known(restored)
    store.put_code(snapshot.sha256, snapshot.archive)
    plan, references = plan_file(tasks)
    store.put_plan(plan)
    return Submission(run, tuple(references), snapshot.sha256)


def _send_restored(pipeline: Pipeline, settled: Settled, objects: Objects) -> list[Result]:
    """Upload the outs of results from the run cache, which may be the one here, and return them."""
    stages = {stage.address: stage for stage in pipeline.stages}
    restored = [r for r in settled.results.values() if r.outcome is Outcome.RESTORED]
    for result in restored:
        objects.send(stages[result.address], result.entry)
    return restored


def _send_input(stage: Stage, entry: LockEntry, objects: Objects) -> None:
    """Upload the outs of an entry that match the workspace, also those that DVC does not cache."""
    if entry["outs"] and stage.cmd:
        objects.keep_uncached(stage, {**entry, "cmd": stage.cmd})
    objects.send(stage, entry)


def check_sent(pipeline: Pipeline, objects: Objects) -> None:
    """Check that the remotes respond, and have all data that stages read and no stage produces.

    Raises
    ------
    UsageError
        A remote does not have the data.
    StorageError
        A remote does not respond.
    """
    objects.default.exists(objects.default.path("files"))
    read = {position for upstream in pipeline.upstream for position in upstream}
    data = [s for s in (pipeline.stages[p] for p in sorted(read)) if s.kind is not StageKind.STAGE]
    if missing := [s.file for s in data if s.lock and not objects.has(s, s.lock)]:
        raise UsageError(
            f"the remote does not have the data of {', '.join(missing)}",
            f"dvc push {' '.join(missing)}",
        )


def remote_names(pipeline: Pipeline) -> set[str]:
    """Return the names of the remotes of the stages' outs, without the default one."""
    return {name for stage in pipeline.stages for name in remotes(stage)}


def snapshot_of(
    project: Project, pipeline: Pipeline, allow: Sequence[str], warn: Callable[[str], object]
) -> Snapshot:
    """Archive the current code; `warn` receives the files left out, and the size if it is large.

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
        f"{stage.address} reads {read.path}, which contains a secret and is not uploaded"
        for stage in pipeline.stages
        for read in stage.reads
        if stage.for_pods and (base / read.at).as_posix() in snapshot.secrets
    ]
    if problems:
        raise UsageError(
            "\n".join(problems),
            "pass it to pods in a Secret (docs/argo.md: Credentials); if it is not a secret, set"
            " snapshot: {allow: [PATH]} in dvc-bridge.yaml",
        )


def cached_outs(pipeline: Pipeline) -> list[str]:
    """Return the outs that DVC caches, which no snapshot contains."""
    return [out.at for stage in pipeline.stages for out in stage.outs if out.local and out.cached]


def _without(stage: Stage, entry: LockEntry, snapshot: Snapshot, project: Project) -> LockEntry:
    """Return the entry without outs that are in the snapshot because git tracks them, not DVC."""
    in_snapshot = {
        out.path
        for out in stage.outs
        if not out.cached and _is_in_snapshot(snapshot, project, out.at)
    }
    items = lock_items(entry, "outs")
    return with_outs({}, (item for item in items if item_path(item) not in in_snapshot))


def _is_in_snapshot(snapshot: Snapshot, project: Project, at: str) -> bool:
    """Return whether a snapshot has a file, or all files of a folder."""
    base, path = project.git_root or project.root, project.root / at
    files = (file for file in path.rglob("*") if not file.is_dir()) if path.is_dir() else [path]
    names = [file.relative_to(base).as_posix() for file in files]
    return bool(names) and snapshot.files.issuperset(names)
