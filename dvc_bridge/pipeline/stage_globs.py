"""Check the globs of dvc-bridge.yaml that select stages, in `stages`, `limits` and mutexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.suggest import suggest


def check_globs(globs: Mapping[str, str], addresses: Sequence[str]) -> None:
    """Check that each glob matches a stage, so that a typo is not silent.

    Parameters
    ----------
    globs
        The key in the file -> its glob.
    addresses
        All stages of the project.

    Raises
    ------
    UsageError
        A glob matches no stage.
    """
    unmatched = [
        f"{FILE}: {key} matches no stage{suggest(glob, addresses)}"
        for key, glob in globs.items()
        if not any(fnmatchcase(address, glob) for address in addresses)
    ]
    if unmatched:
        raise UsageError("\n".join(unmatched), "`dvc stage list --all` lists all stages")
