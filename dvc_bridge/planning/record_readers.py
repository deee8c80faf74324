"""Stages that read what DVC writes when it records others: dvc.lock and .gitignore files.

No edge of the graph says so, but under `dvc repro` such a stage sees what the stages before it
have left, and not what those after it do.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from dvc_bridge.pipeline.stage import Stage, lock_file


def record_readers(stages: Sequence[Stage], *, git: bool) -> dict[int, list[int]]:
    """Give, by place, for each such stage the places of those whose recording it may see.

    Parameters
    ----------
    stages
        Of a run, in its order.
    git
        Whether DVC writes .gitignore files.
    """
    writers: dict[str, list[int]] = {}
    for place, stage in enumerate(stages):
        for file in _written(stage, git=git):
            writers.setdefault(file, []).append(place)
    files = sorted(writers)
    found: dict[int, list[int]] = {}
    for place, stage in enumerate(stages):
        others = {
            writer
            for read in stage.reads
            for file in _inside(files, read.at)
            for writer in writers[file]
            if writer != place
        }
        if others:
            found[place] = sorted(others)
    return found


def _written(stage: Stage, *, git: bool) -> set[str]:
    files = {lock_file(stage.file)} if stage.name else set()
    if git:
        outs = (out.at for out in stage.outs if out.local and out.cached)
        files |= {posixpath.join(posixpath.dirname(at), ".gitignore") for at in outs}
    return files


def _inside(files: Sequence[str], at: str) -> Iterator[str]:
    """Those of the sorted files that are at a path or in it."""
    if not at.strip("./"):  # the project, or a folder above it
        yield from files
        return
    first = bisect_left(files, at)
    for file in files[first:]:
        if file == at or file.startswith(f"{at}/"):
            yield file
        elif not file.startswith(at):
            return
