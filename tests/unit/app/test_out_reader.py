"""Outs of a run are read where their content still is, and never with another content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.app.out_reader import OutReader
from dvc_bridge.dvcio.hashes import folder_md5
from dvc_bridge.dvcio.project import Project
from dvc_bridge.pipeline.lock_entry import Pointer


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


FILES = {"a.json": _md5(b"a"), "sub/b.json": _md5(b"b")}
OUTS = {
    "d": Pointer({"md5": folder_md5(FILES)}),
    "m/file.json": Pointer({"md5": _md5(b"file")}),
    "cloud": Pointer({"files": [{"relpath": "x", "version_id": "1"}]}),
    "gone": Pointer({"md5": folder_md5({"x": "0" * 32})}),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose workspace has the outs, without a cache."""
    for name, content in (("d/a.json", b"a"), ("d/sub/b.json", b"b"), ("m/file.json", b"file")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return Project(tmp_path, None, {})


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("d", ["d/a.json", "d/sub/b.json"]),
        ("d/sub", ["d/sub/b.json"]),
        ("d/a.json", ["d/a.json"]),
        ("m", ["m/file.json"]),
        (".", ["cloud", "d/a.json", "d/sub/b.json", "gone", "m/file.json"]),
        ("gone", ["gone"]),
        ("cloud", ["cloud"]),
        ("other", ["other"]),
    ],
)
def test_a_path_stands_for_the_files_of_outs(project: Project, path: str, files: list[str]) -> None:
    assert OutReader(project, OUTS).files(path) == files


def test_a_file_is_read_while_the_workspace_has_its_content(project: Project) -> None:
    def read() -> dict[str, Any]:
        reader = OutReader(project, OUTS)
        return {file: reader.read(file) for file in ("d/a.json", "d/sub/b.json", "m/file.json")}

    assert read() == {"d/a.json": b"a", "d/sub/b.json": b"b", "m/file.json": b"file"}
    (project.root / "m/file.json").write_bytes(b"changed")
    (project.root / "d/a.json").write_bytes(b"changed")
    assert read() == {"d/a.json": None, "d/sub/b.json": None, "m/file.json": None}
    listed = [{"md5": md5, "relpath": name} for name, md5 in FILES.items()]
    md5 = OUTS["d"]["md5"]
    cached = project.cache / "files/md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(parents=True)
    cached.write_text(json.dumps(listed))
    assert read() == {"d/a.json": None, "d/sub/b.json": b"b", "m/file.json": None}


@pytest.mark.parametrize("path", ["d", "gone", "gone/x", "cloud", "cloud/x", "other", "", "."])
def test_what_is_no_file_of_an_out_has_no_content(project: Project, path: str) -> None:
    assert OutReader(project, OUTS).read(path) is None
