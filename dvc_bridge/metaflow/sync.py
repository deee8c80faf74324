"""`dvc-bridge sync`: the results of a Metaflow run into dvc.lock and the workspace."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from dvc_bridge.app.collect import stored_results
from dvc_bridge.app.context import RunContext, Warn
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import IntegrityError, RemoteRefusedError, UsageError
from dvc_bridge.git.handoff import commit_line, lock_names, uncommitted
from dvc_bridge.git.revision import commit, differing
from dvc_bridge.pipeline.result import UNCHANGED, Result
from dvc_bridge.pipeline.stage import LockEntry, Stage
from dvc_bridge.planning.compatibility import as_local, incompatible
from dvc_bridge.remote_run.merge import Merged, merge, unchanged_outs
from dvc_bridge.remote_run.run_store import scratch_folder

if TYPE_CHECKING:
    from dvc_bridge.metaflow.client import Ended


@dataclass(frozen=True)
class Synced:
    """What of a run is here now.

    Parameters
    ----------
    taken
        The addresses of the stages whose results are in dvc.lock now.
    tags
        The tags that the run got: git's names of the dvc.lock files.
    paths
        The files that git has not committed.
    """

    pathspec: str
    taken: tuple[str, ...]
    tags: tuple[str, ...]
    paths: tuple[str, ...]

    def __str__(self) -> str:
        if self.taken:
            many = "s" if len(self.taken) > 1 else ""
            lines = [f"{len(self.taken)} stage{many} of {self.pathspec}: {', '.join(self.taken)}"]
        else:
            lines = [f"nothing to do: the results of {self.pathspec} are here"]
        if self.tags:
            lines.append(f"{self.pathspec} is tagged {', '.join(self.tags)}")
        if self.paths:
            lines.append(f"to commit them: {commit_line(self.paths, self.pathspec)}")
        return "\n".join(lines)


def sync(pathspec: str, *, partial: bool = False, warn: Warn) -> Synced:
    """Merge the results of a Metaflow run, where they are those of the stages here.

    Parameters
    ----------
    pathspec
        Of the run, as `TrainFlow/123`.
    partial
        Whether results are taken one by one, those that fit.

    Raises
    ------
    UsageError
        Results do not fit the stages here; nothing has changed.
    """
    client = metaflow_client()
    run = client.find_run(pathspec)
    with RunContext(warn=warn) as context:
        ended = client.read_run(run)
        objects = Objects(context.session, scratch_folder(ended.name))
        results = (
            stored_results(context, ended.name, with_upstream=False)
            if ended.stored
            else ended.results
        )
        look = Workspace(context.project)
        fitting = _fitting(context, ended, results, look, partial=partial)
        modes_of = functools.partial(modes, context.project.root)
        results = as_local(context.pipeline, fitting, look, modes_of)
        results = _whole(context, objects, results, ended, look, fitting)
        merged = _merge(context, results, objects)
        stages = [s for s in context.pipeline.stages if s.address in results]
        tags = client.tag_run(run, ended, lock_names(context.project, stages))
        paths = uncommitted(context.project, stages)
    return Synced(ended.pathspec, tuple(merged.taken), tuple(tags), tuple(paths))


def metaflow_client() -> ModuleType:
    """Return `dvc_bridge.metaflow.client`.

    Raises
    ------
    UsageError
        Metaflow is not installed here.
    """
    try:
        from dvc_bridge.metaflow import client  # noqa: PLC0415  other commands do without
    except ModuleNotFoundError as exc:
        if exc.name != "metaflow":
            raise
        raise UsageError("metaflow is not installed here", "pip install metaflow") from None
    return client


def _fitting(
    context: RunContext,
    ended: Ended,
    results: Mapping[str, Result],
    look: Workspace,
    *,
    partial: bool,
) -> dict[str, Result]:
    """Return the results that may be taken; all of them, unless they are asked for one by one."""
    good = {address: result for address, result in results.items() if result.good}
    other = incompatible(context.pipeline, context.order, good, look)
    problems = [] if partial else list(_problems(context, ended, other))
    if problems:
        back = f"git switch --detach {ended.revision}" if ended.revision else "with its files"
        raise UsageError(
            "\n".join(problems),
            f"the same on its code ({back}), or stage by stage what has finished and fits the files"
            f" here: dvc-bridge sync {ended.pathspec} --partial",
        )
    for address, why in other.items():
        context.warn(f"{address}: left where it is: {'; '.join(why)}")
    return {address: result for address, result in good.items() if address not in other}


def _problems(
    context: RunContext, ended: Ended, other: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    if not ended.successful:
        names = ", ".join(ended.unfinished) or "its next step"
        yield f"{ended.pathspec} did not end well, or still runs: not finished: {names}"
    if ended.revision and context.project.git_root:
        head = commit(context.project, "HEAD")
        if head != ended.revision and _code_differs(context, ended.revision):
            yield f"{ended.pathspec} ran revision {ended.revision[:12]}, HEAD is {head[:12]}"
    if other:
        dirty = " (it had changes that were not committed)" if ended.dirty else ""
        yield f"stages that are others here than in {ended.pathspec}{dirty}:"
        yield from (f"  {address}: {'; '.join(why)}" for address, why in other.items())


def _code_differs(context: RunContext, revision: str) -> bool:
    """Whether more lies between two commits than what a merge of results changes."""
    root = context.project.root
    made = {out.at for s in context.pipeline.stages for out in s.outs if out.local}
    base = context.project.git_root or root
    prefix = root.relative_to(base)
    outs = {(prefix / at).as_posix() for at in made}
    try:
        changed = differing(context.project, revision, "HEAD")
    except UsageError:
        return True  # this clone does not have that commit
    return any(
        name.rpartition("/")[2] not in ("dvc.lock", ".gitignore") and name not in outs
        for name in changed
    )


def _whole(
    context: RunContext,
    objects: Objects,
    results: Mapping[str, Result],
    ended: Ended,
    look: Workspace,
    told: Mapping[str, Result],
) -> dict[str, Result]:
    """Return the results that can be brought whole, before anything has changed here.

    Left out are outs which the run did without, and of which dvc.lock has it all: they may have
    been where it was planned, and nowhere else.

    Parameters
    ----------
    told
        The results as the run has them.

    Raises
    ------
    IntegrityError
        Objects are missing, or not what their names say.
    """
    from dvc_bridge.metaflow.objects import check_cached, in_cache  # noqa: PLC0415  as above

    cache, lost, whole = context.project.cache, [], dict(results)
    for stage in context.pipeline.stages:
        result = results.get(stage.address)
        if result is None:
            continue
        here = unchanged_outs(stage, result.entry, look) if result.outcome == UNCHANGED else set()
        outs = [out for out in result.entry.get("outs") or () if out["path"] not in here]
        for out in outs:
            check_cached(cache, out)
        away = {"outs": [out for out in outs if not in_cache(cache, out)]}
        if not away["outs"] or _in_remote(objects, stage, away):
            continue
        if told[stage.address].outcome == UNCHANGED and result.entry == stage.lock:
            context.warn(
                f"{stage.address}: outs that are not here, in the cache or in a remote stay away"
            )
            del whole[stage.address]
        else:
            lost += [f"{stage.address}: {out['path']} (md5 {out['md5']})" for out in away["outs"]]
    if lost:
        raise IntegrityError(
            "\n".join(
                [f"outs of {ended.pathspec} are neither in the cache nor in a remote:", *lost]
            ),
            f"where it ran: dvc-bridge sync {ended.pathspec}, the commit that it names, dvc push,"
            " git push; here git pull, then the same again",
        )
    return whole


def _in_remote(objects: Objects, stage: Stage, entry: LockEntry) -> bool:
    try:
        return objects.has(stage, entry)
    except (UsageError, RemoteRefusedError):
        return False  # there is no remote, or it is not open to us


def _merge(context: RunContext, results: Mapping[str, Result], objects: Objects) -> Merged:
    return merge(
        context.project, context.pipeline, context.order, results, context.session, objects
    )
