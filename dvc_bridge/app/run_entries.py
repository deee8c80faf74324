"""What a run read and wrote: the dvc.lock entries of its stages at its end."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import BridgeError
from dvc_bridge.local.trace_file import read_trace, trace_names
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, item_path, lock_items, pointer_of
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline
from dvc_bridge.pipeline.trace import RunTrace

Entries = Mapping[str, LockEntry]
_UNCHANGED = Outcome.UNCHANGED.value


def run_entries(project: Project, trace: RunTrace, pipeline: Pipeline) -> Entries:
    """Return the entries of the stages of a run by address; empty for a stage that has none.

    A trace has the entries of stages that changed. The others have what dvc.lock has now, unless a
    later run changed them: then, they have what the last run before that left.
    """
    entries = {stage.address: stage.entry for stage in trace.stages}
    locks = {stage.address: stage.lock or {} for stage in pipeline.stages}
    unchanged = [s.address for s in trace.stages if s.outcome == _UNCHANGED and not s.entry]
    names = trace_names(project) if unchanged else []
    place = names.index(trace.run) if trace.run in names else len(names)
    changed = set(unchanged) & _recorded(project, names[place + 1 :]).keys()
    before = _recorded(project, names[:place], changed)
    for address in unchanged:
        entries[address] = (before if address in changed else locks).get(address, {})
    return entries


def _recorded(
    project: Project, names: Sequence[str], wanted: Collection[str] | None = None
) -> Entries:
    """Return the last entries that runs recorded.

    Parameters
    ----------
    names
        The runs, the oldest first.
    wanted
        The stages whose entries are enough; None: all.
    """
    found: dict[str, LockEntry] = {}
    for name in reversed(names):
        if wanted is not None and found.keys() >= set(wanted):
            break
        with suppress(BridgeError):  # a damaged trace
            stages = read_trace(project, name).stages
            found = {stage.address: stage.entry for stage in stages if stage.entry} | found
    return found


def run_outs(entries: Entries, pipeline: Pipeline) -> dict[str, Pointer]:
    """Return the outs of a run: path from the project's root -> its pointer."""
    return {
        posixpath.normpath(posixpath.join(folder, item_path(item))): pointer_of(item)
        for folder, entry in with_folders(entries, pipeline)
        for item in lock_items(entry, "outs")
    }


def with_folders(entries: Entries, pipeline: Pipeline) -> Iterator[tuple[str, LockEntry]]:
    """Yield the `wdir` of each stage and its entry.

    A stage that dvc.yaml does not have any more has the folder of its file.
    """
    folders = {stage.address: stage.wdir for stage in pipeline.stages}
    for address, entry in entries.items():
        folder = folders.get(address)
        yield _folder(address) if folder is None else folder, entry


def _folder(address: str) -> str:
    file, is_in_folder, _ = address.partition(f"{DVC_YAML}:")
    return posixpath.dirname(file if is_in_folder or address.endswith(".dvc") else "") or "."
