"""Files to commit after results were merged."""

from __future__ import annotations

from collections.abc import Iterable

from dvc_bridge.dvcio.project import Project
from dvc_bridge.git.revision import git
from dvc_bridge.pipeline.stage import DVC_YAML, Stage, lock_file


def uncommitted(project: Project, stages: Iterable[Stage]) -> list[str]:
    """Return the uncommitted files of these stages: dvc.lock, .gitignore, and outs that git tracks.

    Paths are relative to the current directory. The result is empty outside a git repository.
    """
    if project.git_root is None:
        return []
    candidates: dict[str, None] = {}
    for stage in stages:
        candidates[lock_file(stage.file)] = None
        for out in stage.outs:
            if out.local:
                candidates[f"{out.at.rpartition('/')[0] or '.'}/.gitignore"] = None
                if not out.cached:
                    candidates[out.at] = None
    existing = [path for path in candidates if (project.root / path).exists()]
    arguments = ("status", "--porcelain", "-z", "--untracked-files=all", "--", *existing)
    output = git(project.root, *arguments) if existing else ""
    names = [entry[3:] for entry in output.split("\0") if entry]
    return [project.shown(str(project.git_root / name)) for name in sorted(names)]


def lock_names(project: Project, stages: Iterable[Stage]) -> list[str]:
    """Return the git object names (40 hex digits) of the stages' current dvc.lock files."""
    root = lock_file(DVC_YAML)
    files = sorted({lock_file(s.file) for s in stages if s.name}, key=lambda f: (f != root, f))
    existing = [file for file in files if (project.root / file).exists()]
    if project.git_root is None or not existing:
        return []
    return git(project.root, "hash-object", "--", *existing).split()
