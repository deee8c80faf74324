"""The current commit, read from git's files: every run asks for it, and starts no process."""

from __future__ import annotations

from pathlib import Path

from dvc_bridge.dvcio.project import Project


def head(project: Project) -> str:
    """Return the SHA of HEAD, read from git's files; empty if they do not say."""
    if project.git_root is None:
        return ""
    try:
        folder = _git_folder(project.git_root / ".git")
        text = (folder / "HEAD").read_text().strip()
        if not text.startswith("ref: "):
            return text
        name = text.removeprefix("ref: ")
        common = folder / "commondir"  # a worktree shares its branches with the repository
        base = folder / common.read_text().strip() if common.exists() else folder
        if (base / name).exists():
            return (base / name).read_text().strip()
        lines = (base / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")
    except (OSError, ValueError):
        return ""


def _git_folder(path: Path) -> Path:
    if path.is_dir():
        return path
    return path.parent / path.read_text().strip().removeprefix("gitdir: ")
