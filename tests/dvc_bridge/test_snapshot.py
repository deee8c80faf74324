"""A snapshot holds the code as it stands, the same bytes each time, and no secrets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import IntegrityError
from dvc_bridge.run.snapshot import take, unpack


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    files = {
        "dvc.yaml": "stages: {}",
        "code/run.py": "print(1)",
        "data/out.csv": "tracked by DVC",
        "ignored.txt": "ignored",
        ".gitignore": "ignored.txt",
        ".env": "PASSWORD=1",
        "deploy.pem": "key",
        ".dvc/config": "",
        ".dvc/config.local": "secret",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "code/run.py").chmod(0o755)
    (root / "link").symlink_to("code/run.py")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "dvc.yaml", "code", ".dvc/config"], cwd=root, check=True)
    return Project(root, root, {})


def test_it_holds_what_git_tracks_or_would_track_but_no_outs_and_no_secrets(project: Project):
    snapshot = take(project, ["data/out.csv"])
    assert snapshot.files == {"dvc.yaml", "code/run.py", ".gitignore", ".dvc/config", "link"}
    left_out = {w.rpartition(" ")[2] for w in snapshot.warnings if w.startswith("left out")}
    assert left_out == {".env", "deploy.pem", ".dvc/config.local"}


def test_the_same_files_give_the_same_bytes_whenever_and_by_whom(project: Project):
    before = take(project, [])
    os.utime(project.root / "dvc.yaml", (1, 1))
    assert take(project, []).archive == before.archive
    (project.root / "dvc.yaml").write_text("stages: {a: {cmd: b}}")
    assert take(project, []).sha256 != before.sha256


def test_it_unpacks_to_what_was_there_with_links_and_modes(project: Project, tmp_path: Path):
    snapshot = take(project, [])
    unpack(snapshot.archive, snapshot.sha256, tmp_path / "pod")
    assert (tmp_path / "pod/code/run.py").read_text() == "print(1)"
    assert os.access(tmp_path / "pod/code/run.py", os.X_OK)
    assert os.readlink(tmp_path / "pod/link") == "code/run.py"  # noqa: PTH115


def test_a_damaged_snapshot_is_not_unpacked(project: Project, tmp_path: Path):
    snapshot = take(project, [])
    damaged = snapshot.archive[:-1] + b"x"
    with pytest.raises(IntegrityError, match="damaged"):
        unpack(damaged, snapshot.sha256, tmp_path / "pod")
    assert not (tmp_path / "pod").exists()


def test_a_line_that_looks_like_a_secret_is_named(project: Project):
    key = "aZ3kP9xQ7mW2vB8nL5tR1yC6uD4sF0gHjKeXiOo"
    (project.root / "settings.py").write_text(f'import os\nAWS_SECRET = "{key}"\n')
    warnings = take(project, []).warnings
    assert "settings.py:2 looks like a secret; the snapshot holds it" in warnings
