"""Data that dvc.lock records, whether or not they are here: what `--pull` can download."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, LockItem, item_path, lock_items
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import Output, Pipeline, Stage, StageKind, overlap
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import StateReader, UndecidedError, changes

# The stages directly upstream of a stage, by its address.
Upstream = Mapping[str, Sequence[Stage]]


@dataclass(frozen=True, slots=True)
class RecordedOut:
    """An out, or a part of it, as its stage has recorded it.

    Parameters
    ----------
    item
        What dvc.lock records about the whole out.
    at
        The path of the out, or of a file or folder in it, from the project's root.
    """

    stage: Stage
    out: Output
    item: LockItem
    at: str

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole out."""
        return self.at == self.out.at

    @property
    def is_plain(self) -> bool:
        """Whether remotes hold it by a md5 of DVC 3; DVC itself must download all others."""
        kinds = (StageKind.STAGE, StageKind.DATA)
        has_md5 = self.item.get("hash") == "md5" and "md5" in self.item
        return self.stage.kind in kinds and self.out.local and has_md5

    @property
    def size(self) -> int:
        """The size in bytes of the whole out; 0 if it is not recorded."""
        return int(self.item.get("size") or 0)


def recorded_outs(stage: Stage, entry: LockEntry | None = None) -> list[RecordedOut]:
    """Return the outs of a stage that DVC caches, as dvc.lock records them.

    Parameters
    ----------
    entry
        An entry of the run cache to use instead; it also has metrics and plots that git tracks.
    """
    outs = {out.path: out for out in stage.outs if out.cached or (entry and out.shown)}
    return [
        RecordedOut(stage, outs[path], item, outs[path].at)
        for item in lock_items(entry or stage.lock, "outs")
        if (path := item_path(item)) in outs
    ]


def recorded_inputs(stage: Stage, upstream: Upstream) -> Iterator[RecordedOut]:
    """Yield the outs of the stages directly upstream that the deps of a stage consist of.

    A dep can be an out, a part of it, or a folder that contains outs.
    """
    outs = [out for other in upstream.get(stage.address, ()) for out in recorded_outs(other)]
    for dep in stage.deps:
        for recorded in outs:
            if overlap(dep.at, recorded.at):
                is_part = dep.at.startswith(f"{recorded.at}/")
                yield replace(recorded, at=dep.at) if is_part else recorded


def edited_error(at: str) -> UsageError:
    """Return the error for an out with edits that a download would overwrite."""
    return UsageError(
        f"out {at} has been edited, and the download would overwrite it",
        f"remove it, or keep it with dvc commit {at}",
    )


def upstream_stages(pipeline: Pipeline) -> Upstream:
    """Return the stages directly upstream of each stage, also of frozen stages."""
    return {
        pipeline.stages[position].address: [
            pipeline.stages[other] for other in pipeline.upstream[position]
        ]
        for position in pipeline.positions
    }


def data_to_pull(
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    reader: StateReader,
    is_missing: Callable[[str], bool],
    *,
    allow_missing: bool,
) -> list[RecordedOut]:
    """Return the data that `--pull` certainly needs for the stages at `order`.

    These are the missing deps of the stages that run and, unless missing data are allowed, the outs
    of stages that are unchanged otherwise. What stages need whose upstream stages run too, and the
    results in the run cache, are known only later.

    Parameters
    ----------
    is_missing
        Returns whether the workspace lacks a path.
    """
    rule = AllowMissing.of(pipeline, alone=False)
    upstream = upstream_stages(pipeline)
    may_run: set[StagePosition] = set()
    wanted: list[RecordedOut] = []
    for position in order:
        stage = pipeline.stages[position]
        if not may_run.isdisjoint(pipeline.active(position)):
            may_run.add(position)
            continue
        try:
            runs = any(True for _ in changes(stage, reader, rule))
            lacks_data = not (runs or allow_missing) and any(True for _ in changes(stage, reader))
        except UndecidedError:
            may_run.add(position)
            continue
        if runs:
            may_run.add(position)
            if stage.cmd and not stage.frozen:
                wanted += (r for r in recorded_inputs(stage, upstream) if is_missing(r.at))
        elif lacks_data:
            # With the object of an edited out, DVC would overwrite the edit.
            wanted += (r for r in recorded_outs(stage) if is_missing(r.at))
    return wanted
