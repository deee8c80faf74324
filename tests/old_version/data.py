"""Data that an older version of dvc-bridge wrote; placeholders stand for the folders of its run."""

from __future__ import annotations

import gzip
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
# The folder with the project and the remote, and the address of the repository in `convert`.
FOLDER = "@FOLDER@"
REPOSITORY_URL = "https://git.example.org/team/project.git"

_GZIP = b"\x1f\x8b"


def copy_data(name: str, folder: Path) -> None:
    """Copy the data `name`, a folder or an archive, to `folder`, and fill in its placeholders."""
    source = DATA / name
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
    else:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="tar")
    replace_text(folder, FOLDER, str(folder))


def replace_text(folder: Path, old: str, new: str) -> None:
    """Replace a text in all files below a folder, also in the artifacts of Metaflow."""
    for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
        content = path.read_bytes()
        replaced = _replace_in_content(content, old, new)
        if replaced != content:
            path.chmod(path.stat().st_mode | 0o200)
            path.write_bytes(replaced)


def _replace_in_content(content: bytes, old: str, new: str) -> bytes:
    if not content.startswith(_GZIP):
        return content.replace(old.encode(), new.encode())
    unpacked = gzip.decompress(content)
    if old.encode() not in unpacked:
        return content
    value = _replace_in_value(pickle.loads(unpacked), old, new)  # noqa: S301  our own data
    return gzip.compress(pickle.dumps(value, protocol=4), mtime=0)


def _replace_in_value(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _replace_in_value(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replace_in_value(inner, old, new) for inner in value]
    return value
