"""What the samples of a toolchain depend on in this repository, as digests of its code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.comparison.toolchain import FOLDER
from benchmarks.comparison.workload import ROOT

# What every toolchain runs: the measurement, and the stages of this repository's pipeline.
_COMMON = ("benchmarks/comparison", "flows")
_PRODUCT = "dvc_bridge"
# Names in these folders whose code does not change what is measured, or how.
_NOT_MEASURED = {
    *("report", "evidence", "__main__.py", "code_digest.py"),
    *("session_lock.py", "status.py", "store.py"),
}
_IMPORT = re.compile(r"\bbenchmarks\.toolchains\.(\w+)")


def digest_common() -> str:
    """Return the digest of the code that all samples depend on."""
    return _digest(path for folder in _COMMON for path in _list_code(ROOT / folder))


def digest_toolchain(name: str, *, runs_dvc_bridge: bool) -> str:
    """Return the digest of the code that only the samples of some toolchains depend on.

    This is the folder of the toolchain, the folders of toolchains that it imports, and dvc_bridge
    if the toolchain runs it.
    """
    folders = [FOLDER / name for name in sorted(_find_folders(name))]
    if runs_dvc_bridge:
        folders.append(ROOT / _PRODUCT)
    return _digest(path for folder in folders for path in _list_code(folder))


def _find_folders(name: str) -> set[str]:
    """Return a toolchain and all toolchains that it imports, directly or not."""
    found: set[str] = set()
    due = {name}
    while due:
        found |= due
        texts = [path.read_text() for one in due for path in _list_code(FOLDER / one)]
        due = {one for text in texts for one in _IMPORT.findall(text)} - found
    return found


def _list_code(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_code = path.suffix in {".py", ".json", ".txt"}
        if is_code and not _NOT_MEASURED & {*path.relative_to(ROOT).parts}:
            yield path


def _digest(paths: Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
