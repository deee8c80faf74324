"""What git has to take of a merge, and the line that commits it with a word about the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from dvc_bridge.dvcio.project import Project
from dvc_bridge.git.revision import git
from dvc_bridge.pipeline.stage import DVC_YAML, Stage, lock_file

TRAILER = "Metaflow-Run"


def uncommitted(project: Project, stages: Iterable[Stage]) -> list[str]:
    """Name what git has not committed of these stages: dvc.lock, .gitignore, outs of its own.

    Paths are as seen from the current directory; nothing outside of git.
    """
    if project.git_root is None:
        return []
    wanted: dict[str, None] = {}
    for stage in stages:
        wanted[lock_file(stage.file)] = None
        for out in stage.outs:
            if out.local:
                wanted[f"{out.at.rpartition('/')[0] or '.'}/.gitignore"] = None
                if not out.cached:
                    wanted[out.at] = None
    there = [at for at in wanted if (project.root / at).exists()]
    words = ("status", "--porcelain", "-z", "--untracked-files=all", "--", *there)
    listed = git(project.root, *words) if there else ""
    names = [entry[3:] for entry in listed.split("\0") if entry]
    return [project.shown(str(project.git_root / name)) for name in sorted(names)]


def commit_line(paths: Sequence[str], pathspec: str) -> str:
    """Return the shell line that commits `paths` and names the run in a trailer."""
    shown = shlex.join(paths)
    message = shlex.join(["-m", f"Results of {pathspec}", "--trailer", f"{TRAILER}: {pathspec}"])
    return f"git add {shown} && git commit {message}"


def lock_names(project: Project, stages: Iterable[Stage]) -> list[str]:
    """Return git's names (40 hex digits) of the stages' dvc.lock files as they are now."""
    root = lock_file(DVC_YAML)
    files = sorted({lock_file(s.file) for s in stages if s.name}, key=lambda f: (f != root, f))
    there = [file for file in files if (project.root / file).exists()]
    if project.git_root is None or not there:
        return []
    return git(project.root, "hash-object", "--", *there).split()
