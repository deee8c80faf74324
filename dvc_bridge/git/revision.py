"""Revisions of a project's git repository: name them here, and check them out in a pod."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import StorageError, UsageError

_SSH = ("ssh", "git+ssh", "ssh+git")
_OPTIONS = ["-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"]


def commit(project: Project, name: str) -> str:
    """Return the SHA of the commit that a revision names.

    Raises
    ------
    UsageError
        The project is not in a git repository, or there is no such revision.
    """
    if project.git_root is None:
        raise project.no_git
    return git(project.git_root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")


def differing(project: Project, sha: str, *other: str) -> list[str]:
    """Return the files that differ from the commit, as paths from the root of the repository.

    Parameters
    ----------
    other
        The commit to compare with; none: the current files.
    """
    root = project.git_root or project.root
    output = git(root, "diff", "--name-only", "-z", sha, *other)
    return [name for name in output.split("\0") if name]


def files_at(project: Project, sha: str) -> list[str]:
    """Return the files of a commit, as paths from the root of the project."""
    output = git(project.root, "ls-tree", "-r", "-z", "--name-only", sha, "--", ".")
    return [path for path in output.split("\0") if path]


def content_at(project: Project, sha: str, file: str) -> bytes | None:
    """Return the content of a file of a commit; None if the commit does not have the file.

    Parameters
    ----------
    file
        The path from the root of the project.
    """
    root = project.git_root or project.root
    path = os.path.relpath(project.root / file, root)
    if "\0" in path:  # which no argument of a program can have
        return None
    command = ["git", *_OPTIONS, "cat-file", "blob", f"{sha}:{path}"]
    result = subprocess.run(
        command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return None if result.returncode else result.stdout


def repository_url(project: Project) -> str:
    """Return the URL from which pods get the code, which is that of the remote `origin`."""
    root = project.git_root or project.root
    try:
        return git(root, "remote", "get-url", "origin")
    except UsageError as exc:
        raise UsageError(
            "the git repository has no remote origin, from which pods would get the code",
            "set the URL: --repo URL",
        ) from exc


def holds_credentials(url: str) -> bool:
    """Whether a URL contains a password or a token."""
    parts = urlsplit(url)
    return bool(parts.password or (parts.username and parts.scheme in ("http", "https")))


def check_url(url: str, *, has_files: bool = False) -> None:
    """Check that pods can use a URL.

    Parameters
    ----------
    has_files
        Whether pods get files of Secrets, such as a key for SSH.

    Raises
    ------
    UsageError
        It contains a secret, is a path on this machine, or needs a key that pods do not have.
    """
    check_no_credentials(url)
    scheme = urlsplit(url).scheme if "://" in url else ""
    is_short = not scheme and ":" in url.partition("/")[0]  # host:path, which git reads as SSH
    if url.startswith("-") or not (scheme or is_short) or scheme == "file":
        raise UsageError(f"{url} is not a URL that pods can reach", "set another: --repo URL")
    if (is_short or scheme in _SSH) and not has_files:
        raise UsageError(
            f"{url} needs SSH with a key on this machine, which pods do not have",
            "use --repo https://..., or mount a key with argo.secret_files"
            " (docs/argo.md: Credentials)",
        )


def check_no_credentials(url: str) -> None:
    """Check that a URL can appear in a manifest or a script.

    Raises
    ------
    UsageError
        It contains a secret.
    """
    if holds_credentials(url):
        raise UsageError(
            "the repository's URL holds credentials, which would appear in the manifest",
            "use --repo URL without credentials; pass them to pods through a Secret (docs/argo.md)",
        )


def check_out(url: str, sha: str, folder: Path) -> None:
    """Fetch one commit into a folder, with as little history as the server allows.

    Raises
    ------
    StorageError
        The server cannot be reached, or does not have the commit.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    try:
        git(folder, "fetch", "--quiet", "--depth=1", "--", url, sha)
    except UsageError:  # a server that does not serve commits by their SHA
        try:
            git(folder, "fetch", "--quiet", "--", url, "+refs/*:refs/fetched/*")
        except UsageError as exc:
            raise StorageError(f"{url}: {exc.message}", "make sure that pods can reach it") from exc
    git(folder, "checkout", "--quiet", "--detach", sha)


def git(folder: Path, *args: str, variables: Mapping[str, str] | None = None) -> str:
    """Return the output of a git command without the final line break.

    Parameters
    ----------
    variables
        Environment variables in addition to those of this process.

    Raises
    ------
    UsageError
        The command fails.
    """
    try:
        result = subprocess.run(
            ["git", *_OPTIONS, *args],
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # names of files can be in any encoding
            check=False,
        )
    except FileNotFoundError as exc:
        raise UsageError(f"the command {exc.filename} does not exist", "install git") from exc
    if result.returncode:
        message = " ".join(result.stderr.split()) or f"git {args[0]} failed"
        raise UsageError(message, "run git status for details")
    return result.stdout.rstrip("\n")
