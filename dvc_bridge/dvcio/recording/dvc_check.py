"""DVC's own check of the stages that only DVC can decide about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.templates import message_with_causes
from dvc_bridge.dvcio.recording.run_cache import newest_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.forecast import DvcDecision


def ask_dvc(
    session: Session,
    stage: Stage,
    *,
    restores: bool,
    upstream: Sequence[Stage] | None = None,
    run_cache: bool = True,
    pulled: Sequence[Stage] | None = None,
) -> DvcDecision:
    """Return DVC's decision about the stage, and change nothing.

    Parameters
    ----------
    restores
        Whether to look for a result in the cache of this machine.
    upstream
        The stages directly upstream, if missing data do not count as changes.
    run_cache
        Whether results of earlier runs with the same inputs count.
    pulled
        The stages directly upstream, if missing data are downloaded.

    Raises
    ------
    UsageError
        DVC cannot decide, for example because a file is not readable.
    """
    others = upstream and [session.stage(other, RunIndex(0)) for other in upstream]
    loaded = session.stage(stage, RunIndex(0))
    with _without_folder_objects():
        try:
            if not loaded.changed(upstream is not None, others):
                return DvcDecision()
            if pulled is not None and not loaded.changed(
                True, [session.stage(other, RunIndex(0)) for other in pulled]
            ):
                return DvcDecision()
            # The deps of a frozen stage do not matter, and can be inaccessible.
            ignored = "" if upstream is None else "deleted"
            deps = [] if stage.frozen else _changed_paths(loaded.deps, ignored)
            outs, is_edited = _changed_paths(loaded.outs, ignored), loaded.changed_stage()
            result = _find_result(session.project, loaded, run_cache) if restores else None
        except Exception as exc:
            raise UsageError(message_with_causes(exc)) from exc
    reasons = [f"dep {name} changed" for name in deps] + [f"out {name} changed" for name in outs]
    if is_edited:
        reasons.append(f"{stage.file} differs from what DVC has written")
    return DvcDecision(tuple(reasons or ["DVC reports that it has changed"]), result)


def _find_result(project: Project, stage: Any, run_cache: bool) -> LockEntry | None:
    """Return the lock entry that DVC would restore (StageCache.restore in dvc/stage/cache.py)."""
    from dvc.stage import cache  # noqa: PLC0415  as in `_without_folder_objects`
    from dvc.stage.serialize import to_single_stage_lockfile  # noqa: PLC0415

    if stage.frozen or not cache._can_hash(stage):
        return None
    is_recorded = all(out.hash_info for out in stage.outs)
    if is_recorded and not stage.changed_stage() and stage.deps_cached():
        entry: LockEntry | None = to_single_stage_lockfile(stage)
    elif not run_cache:
        return None
    else:
        stage.save_deps()
        entry = newest_run(project, cache._get_stage_hash(stage))
    if entry is None:
        return None
    restored = stage.repo.stage_cache._create_stage(entry, wdir=stage.wdir)
    return entry if restored.outs_cached() else None


@contextmanager
def _without_folder_objects() -> Iterator[None]:
    """Hash folders that have DVC 2 hashes without storing their objects in the cache."""
    from dvc_data.hashfile import build  # noqa: PLC0415  the session has opened DVC
    from dvc_data.hashfile.hash import hash_file  # noqa: PLC0415

    def with_hash(odb: Any, tree: Any, _: str) -> Any:
        _, hash_info = hash_file(tree.path, tree.fs, odb.hash_name)
        tree.hash_info.name = hash_info.name
        tree.hash_info.value = f"{hash_info.value.removesuffix('.dir')}.dir"
        return tree

    original = build._build_external_tree_info
    build._build_external_tree_info = with_hash
    try:
        yield
    finally:
        build._build_external_tree_info = original


def _changed_paths(ends: Iterable[Any], ignored: str) -> list[str]:
    """Return the paths with a status other than `ignored`."""
    return [
        str(end)
        for end in ends
        if any(status != ignored for status in end.workspace_status().values())
    ]
