"""Stages that read files which DVC writes when it records other stages: dvc.lock and .gitignore.

The graph has no edge for this, but under `dvc repro` such a stage reads what the stages before it
left, and not what the stages after it write.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from dvc_bridge.pipeline.numbering import RunIndex, numbered
from dvc_bridge.pipeline.stage import Stage, lock_file


def record_readers(stages: Sequence[Stage], *, git: bool) -> dict[RunIndex, list[RunIndex]]:
    """Return the index of each such stage -> the indexes of the stages whose records it may read.

    Parameters
    ----------
    stages
        The stages of a run, in its order.
    git
        Whether DVC writes .gitignore files.
    """
    writers: dict[str, list[RunIndex]] = {}
    for index, stage in numbered(RunIndex, stages):
        for file in _record_files(stage, git=git):
            writers.setdefault(file, []).append(index)
    files = sorted(writers)
    writers_by_reader: dict[RunIndex, list[RunIndex]] = {}
    for index, stage in numbered(RunIndex, stages):
        file_writers = {
            writer
            for read in stage.reads
            for file in _find_files_inside(files, read.at)
            for writer in writers[file]
            if writer != index
        }
        if file_writers:
            writers_by_reader[index] = sorted(file_writers)
    return writers_by_reader


def _record_files(stage: Stage, *, git: bool) -> set[str]:
    files = {lock_file(stage.file)} if stage.name else set()
    if git:
        outs = (out.at for out in stage.outs if out.local and out.cached)
        files |= {posixpath.join(posixpath.dirname(path), ".gitignore") for path in outs}
    return files


def _find_files_inside(files: Sequence[str], path: str) -> Iterator[str]:
    """Yield those of the sorted files that are the path or inside it."""
    if not path.strip("./"):  # the project, or a folder above it
        yield from files
        return
    first = bisect_left(files, path)
    for file in files[first:]:
        if file == path or file.startswith(f"{path}/"):
            yield file
        elif not file.startswith(path):
            return
