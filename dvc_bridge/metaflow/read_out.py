"""Reading an out of a run, from the cache here or from the DVC remote."""

from __future__ import annotations

from pathlib import Path

from .errors import as_metaflow_says
from .package import packed
from .run_artifact import DvcRun, no_such_out


@as_metaflow_says()
def read_out(run: DvcRun, path: str) -> bytes:
    """Read the file `path` from a run's outs: an out itself, or a file inside one.

    Raises
    ------
    DvcStageError
        No out of the run contains the file, or it is missing from the cache or damaged.
    """
    if packed() is not None:
        from .step_in_pod import read_out_of_remote  # noqa: PLC0415  only pods need it

        return read_out_of_remote(run, path)
    # Imported late: most steps read no out.
    from dvc_bridge.dvcio.cached_objects import find, read_file  # noqa: PLC0415
    from dvc_bridge.pipeline.lock_entry import is_folder  # noqa: PLC0415

    cache = Path(run["cache"])
    pointer = find(cache, run["outs"], path)
    if pointer is None or is_folder(pointer):
        raise no_such_out(run, path)
    return read_file(cache, pointer)
