"""`dvc-bridge sync`: the results of a Metaflow run into dvc.lock and the workspace."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from dvc_bridge.app.remote_run import Remotely, everything, stored_results, warn
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import IntegrityError, RemoteRefusedError, UsageError
from dvc_bridge.git.handoff import commit_line, lock_names, uncommitted
from dvc_bridge.git.revision import commit, differing
from dvc_bridge.pipeline.result import UNCHANGED, Result
from dvc_bridge.pipeline.stage import LockEntry, Stage
from dvc_bridge.planning.compatibility import as_here, misfits
from dvc_bridge.remote_run.merge import Merged, merge, standing
from dvc_bridge.remote_run.run_store import scratch_folder

if TYPE_CHECKING:
    from dvc_bridge.metaflow.client import Ended


def sync(args: Namespace) -> int:
    """Bring a run's results here, where they are those of the stages here."""
    client = metaflow_client()
    run = client.find_run(args.pathspec)
    with Remotely(everything(args)) as remotely:
        ended = client.read_run(run)
        objects = Objects(remotely.session, scratch_folder(ended.name))
        results = (
            stored_results(remotely, ended.name, looked_at=False) if ended.stored else ended.results
        )
        look = Workspace(remotely.project)
        fitting = _fitting(remotely, ended, results, look, partial=args.partial)
        modes_of = partial(modes, remotely.project.root)
        results = as_here(remotely.pipeline, fitting, look, modes_of)
        results = _whole(remotely, objects, results, ended, look, fitting)
        merged = _merge(remotely, results, objects)
        stages = [s for s in remotely.pipeline.stages if s.address in results]
        tags = client.tag_run(run, ended, lock_names(remotely.project, stages))
        paths = uncommitted(remotely.project, stages)
    _tell(ended, merged, tags, paths)
    return 0


def metaflow_client() -> ModuleType:
    """Give `dvc_bridge.metaflow.client`.

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
    remotely: Remotely,
    ended: Ended,
    results: Mapping[str, Result],
    look: Workspace,
    *,
    partial: bool,
) -> dict[str, Result]:
    """Give the results that may be taken; all of them, unless they are asked for one by one."""
    good = {address: result for address, result in results.items() if result.good}
    other = misfits(remotely.pipeline, remotely.order, good, look)
    problems = [] if partial else list(_problems(remotely, ended, other))
    if problems:
        back = f"git switch --detach {ended.revision}" if ended.revision else "with its files"
        raise UsageError(
            "\n".join(problems),
            f"the same on its code ({back}), or stage by stage what has finished and fits the files"
            f" here: dvc-bridge sync {ended.pathspec} --partial",
        )
    for address, why in other.items():
        warn(f"{address}: left where it is: {'; '.join(why)}")
    return {address: result for address, result in good.items() if address not in other}


def _problems(
    remotely: Remotely, ended: Ended, other: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    if not ended.successful:
        names = ", ".join(ended.unfinished) or "its next step"
        yield f"{ended.pathspec} did not end well, or still runs: not finished: {names}"
    if ended.revision and remotely.project.git_root:
        head = commit(remotely.project, "HEAD")
        if head != ended.revision and _code_differs(remotely, ended.revision):
            yield f"{ended.pathspec} ran revision {ended.revision[:12]}, HEAD is {head[:12]}"
    if other:
        dirty = " (it had changes that were not committed)" if ended.dirty else ""
        yield f"stages that are others here than in {ended.pathspec}{dirty}:"
        yield from (f"  {address}: {'; '.join(why)}" for address, why in other.items())


def _code_differs(remotely: Remotely, revision: str) -> bool:
    """Whether more lies between two commits than what a merge of results changes."""
    root = remotely.project.root
    made = {out.at for s in remotely.pipeline.stages for out in s.outs if out.local}
    base = remotely.project.git_root or root
    prefix = root.relative_to(base)
    outs = {(prefix / at).as_posix() for at in made}
    try:
        changed = differing(remotely.project, revision, "HEAD")
    except UsageError:
        return True  # this clone does not have that commit
    return any(
        name.rpartition("/")[2] not in ("dvc.lock", ".gitignore") and name not in outs
        for name in changed
    )


def _whole(
    remotely: Remotely,
    objects: Objects,
    results: Mapping[str, Result],
    ended: Ended,
    look: Workspace,
    told: Mapping[str, Result],
) -> dict[str, Result]:
    """Give the results that can be brought whole, before anything has changed here.

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

    cache, lost, whole = remotely.project.cache, [], dict(results)
    for stage in remotely.pipeline.stages:
        result = results.get(stage.address)
        if result is None:
            continue
        here = standing(stage, result.entry, look) if result.outcome == UNCHANGED else set()
        outs = [out for out in result.entry.get("outs") or () if out["path"] not in here]
        for out in outs:
            check_cached(cache, out)
        away = {"outs": [out for out in outs if not in_cache(cache, out)]}
        if not away["outs"] or _in_remote(objects, stage, away):
            continue
        if told[stage.address].outcome == UNCHANGED and result.entry == stage.lock:
            warn(f"{stage.address}: outs that are not here, in the cache or in a remote stay away")
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


def _merge(remotely: Remotely, results: Mapping[str, Result], objects: Objects) -> Merged:
    return merge(
        remotely.project, remotely.pipeline, remotely.order, results, remotely.session, objects
    )


def _tell(ended: Ended, merged: Merged, tags: Sequence[str], paths: Sequence[str]) -> None:
    if merged.taken:
        many = "s" if len(merged.taken) > 1 else ""
        names = ", ".join(merged.taken)
        print(f"{len(merged.taken)} stage{many} of {ended.pathspec}: {names}")
    else:
        print(f"nothing to do: the results of {ended.pathspec} are here")
    if tags:
        print(f"{ended.pathspec} is tagged {', '.join(tags)}")
    if paths:
        print(f"to commit them: {commit_line(paths, ended.pathspec)}")
