"""`dvc-bridge sync`: merge the results of a Metaflow run into dvc.lock and the workspace."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.app.collect import stored_results
from dvc_bridge.app.context import RunContext
from dvc_bridge.app.current_folder import Warn
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import commit, differing
from dvc_bridge.git.uncommitted_files import lock_names, uncommitted
from dvc_bridge.metaflow.available_results import available_results
from dvc_bridge.metaflow.client import Ended, find_run, read_run
from dvc_bridge.metaflow.run_tags import tag_run
from dvc_bridge.pipeline.result import Result
from dvc_bridge.planning.left_out_results import as_local, find_incompatible
from dvc_bridge.remote_run.merge import Merged, merge
from dvc_bridge.remote_run.run_store import scratch_folder

# The line in the message of a commit that names the run.
_TRAILER = "Metaflow-Run"


@dataclass(frozen=True)
class Synced:
    """The outcome of a sync.

    Parameters
    ----------
    taken
        The addresses of the stages whose results were merged into dvc.lock.
    tags
        The tags of the run, such as the git object names of the dvc.lock files.
    paths
        The files with results that git has not committed.
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
            lines = [f"nothing to do: the results of {self.pathspec} are already merged"]
        if self.tags:
            lines.append(f"{self.pathspec} is tagged {', '.join(self.tags)}")
        if self.paths:
            lines.append(f"to commit them: {_commit_line(self.paths, self.pathspec)}")
        return "\n".join(lines)


def _commit_line(paths: Sequence[str], pathspec: str) -> str:
    """Return the shell command that commits `paths` and names the run in a trailer."""
    quoted_paths = shlex.join(paths)
    message = shlex.join(["-m", f"Results of {pathspec}", "--trailer", f"{_TRAILER}: {pathspec}"])
    return f"git add {quoted_paths} && git commit {message}"


def sync(pathspec: str, *, partial: bool = False, warn: Warn) -> Synced:
    """Merge the results of a Metaflow run whose stages match the local ones.

    Parameters
    ----------
    pathspec
        The pathspec of the run, such as `TrainFlow/123`.
    partial
        Whether to merge only the results that match, instead of all or none.

    Raises
    ------
    UsageError
        Results do not match the local stages; nothing has changed.
    """
    run = find_run(pathspec)
    with RunContext(warn=warn) as context:
        ended = read_run(run)
        objects = Objects(context.session, scratch_folder(ended.name))
        results = (
            stored_results(context, ended.name, with_upstream=False)
            if ended.stored
            else ended.results
        )
        workspace = Workspace(context.project)
        matching = _matching_results(context, ended, results, workspace, partial=partial)
        modes_of = functools.partial(modes, context.project.root)
        results = as_local(context.pipeline, matching, workspace, modes_of)
        results = available_results(context, objects, results, ended, workspace, matching)
        merged = _merge(context, results, objects)
        stages = [s for s in context.pipeline.stages if s.address in results]
        tags = tag_run(run, ended, lock_names(context.project, stages))
        paths = uncommitted(context.project, stages)
    return Synced(ended.pathspec, tuple(merged.taken), tuple(tags), tuple(paths))


def _matching_results(
    context: RunContext,
    ended: Ended,
    results: Mapping[str, Result],
    workspace: Workspace,
    *,
    partial: bool,
) -> dict[str, Result]:
    """Return the results that match the local stages; without `partial`, all must match."""
    finished = {address: result for address, result in results.items() if result.good}
    differing_stages = find_incompatible(context.pipeline, context.order, finished, workspace)
    problems = [] if partial else list(_problems(context, ended, differing_stages))
    if problems:
        checkout = (
            f"git switch --detach {ended.revision}" if ended.revision else "restore its files"
        )
        raise UsageError(
            "\n".join(problems),
            f"run this command again on the run's code ({checkout}), or merge only the stages that"
            f" have finished and match the files here: dvc-bridge sync {ended.pathspec} --partial",
        )
    for address, reasons in differing_stages.items():
        context.warn(f"{address}: not merged: {'; '.join(reasons)}")
    return {
        address: result for address, result in finished.items() if address not in differing_stages
    }


def _problems(
    context: RunContext, ended: Ended, differing_stages: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    if not ended.successful:
        names = ", ".join(ended.unfinished) or "its next step"
        yield f"{ended.pathspec} failed or is still running: not finished: {names}"
    if ended.revision and context.project.git_root:
        head = commit(context.project, "HEAD")
        if head != ended.revision and _code_differs(context, ended.revision):
            yield f"{ended.pathspec} ran revision {ended.revision[:12]}, but HEAD is {head[:12]}"
    if differing_stages:
        dirty = " (it had uncommitted changes)" if ended.dirty else ""
        yield f"stages that differ from those of {ended.pathspec}{dirty}:"
        yield from (
            f"  {address}: {'; '.join(reasons)}" for address, reasons in differing_stages.items()
        )


def _code_differs(context: RunContext, revision: str) -> bool:
    """Whether two commits differ in more than the files that a merge of results changes."""
    root = context.project.root
    out_paths = {out.at for s in context.pipeline.stages for out in s.outs if out.local}
    base = context.project.git_root or root
    prefix = root.relative_to(base)
    outs = {(prefix / path).as_posix() for path in out_paths}
    try:
        changed = differing(context.project, revision, "HEAD")
    except UsageError:
        return True  # this clone does not have that commit
    return any(
        name.rpartition("/")[2] not in ("dvc.lock", ".gitignore") and name not in outs
        for name in changed
    )


def _merge(context: RunContext, results: Mapping[str, Result], objects: Objects) -> Merged:
    return merge(
        context.project, context.pipeline, context.order, results, context.session, objects
    )
