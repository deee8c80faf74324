"""Whether a committed manifest is still what the pipeline converts to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dvc_bridge.app.convert import ChangedPipelineError, Code
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.settings import read_unchecked_settings
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import commit

# A variable of the tasks, in a manifest or in a script for SLURM.
_VARIABLE = r"DVC_BRIDGE_{}(?:\n\s+value: |=)['\"]?([^'\"\s]+)"
# An amount of memory: in YAML, by attempt, or as an option of sbatch.
_MEMORY = r"(?<=memory: )\S+|(?<=\"memory\": \")[^\"]*|(?<=--mem=)\d+M"


@dataclass(frozen=True)
class CheckedManifest:
    """The result of a check.

    Parameters
    ----------
    manifest
        The manifest of the pipeline as it is now; empty if the pipeline differs from the commit
        that the manifest names.
    why
        Why the committed manifest has drifted; empty if it has not.
    difference
        The lines that differ, as a unified diff.
    """

    manifest: str
    why: str = ""
    difference: tuple[str, ...] = ()


def check_manifest(file: str, convert: Callable[[Code], str]) -> CheckedManifest:
    """Compare a committed manifest with what `convert` makes of the same commit.

    Parameters
    ----------
    convert
        Returns the manifest for a source of the code.

    Raises
    ------
    UsageError
        The file cannot be read, or this clone does not have the commit that it names.
    """
    try:
        committed = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file} cannot be read", f"dvc-bridge convert --output {file}") from exc
    try:
        made = convert(_code_of(committed))
    except ChangedPipelineError as error:
        return CheckedManifest("", error.message)
    # Runs that this clone has not seen do not make the manifest out of date.
    is_measured = read_unchecked_settings(find_project()).names_auto_memory
    if made == committed or (is_measured and _masked(made) == _masked(committed)):
        return CheckedManifest(made)
    lines = difflib.unified_diff(committed.splitlines(), made.splitlines(), lineterm="", n=1)
    why = "it differs from what the pipeline converts to"
    return CheckedManifest(made, why, tuple(lines)[2:])


def _masked(manifest: str) -> str:
    """Return a manifest without how much memory its tasks ask for."""
    return re.sub(_MEMORY, "", manifest)


def _code_of(committed: str) -> Code:
    """Return where the pods of a manifest get their code."""
    found = {
        name: match[1] if (match := re.search(_VARIABLE.format(name), committed)) else ""
        for name in ("REVISION", "REPO")
    }
    sha = found["REVISION"]
    if not sha:
        return Code("HEAD", found["REPO"] or None)
    try:
        commit(find_project(), sha)
    except UsageError as error:
        raise UsageError(
            f"this clone does not have commit {sha}, from which the manifest takes the code",
            "git fetch --unshallow (fetch-depth: 0 in actions/checkout), or convert again",
        ) from error
    return Code(sha, found["REPO"] or None)
