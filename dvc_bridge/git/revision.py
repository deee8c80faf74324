"""A project at a revision of its git repository: named here, and checked out in a pod."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import StorageError, UsageError

_SSH = ("ssh", "git+ssh", "ssh+git")
_OPTIONS = ["-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"]


def commit(project: Project, name: str) -> str:
    """Return the sha of the commit that a revision names.

    Raises
    ------
    UsageError
        The project is in no git repository, or there is no such revision.
    """
    if project.git_root is None:
        raise project.no_git
    return git(project.git_root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")


def differing(project: Project, sha: str, *other: str) -> list[str]:
    """Name the files that are not as the commit has them, from the root of the repository.

    Parameters
    ----------
    other
        The commit to compare with; none: the files as they are now.
    """
    root = project.git_root or project.root
    listed = git(root, "diff", "--name-only", "-z", sha, *other)
    return [name for name in listed.split("\0") if name]


def repository_url(project: Project) -> str:
    """Return the address from which pods get the code: that of the remote `origin`."""
    root = project.git_root or project.root
    try:
        return git(root, "remote", "get-url", "origin")
    except UsageError as exc:
        raise UsageError(
            "the git repository has no remote origin from which pods could get the code",
            "name one: --repo URL",
        ) from exc


def holds_credentials(url: str) -> bool:
    """Whether there is a password or a token in an address."""
    parts = urlsplit(url)
    return bool(parts.password or (parts.username and parts.scheme in ("http", "https")))


def check_url(url: str, *, has_files: bool = False) -> None:
    """Check that pods can use an address.

    Parameters
    ----------
    has_files
        Whether pods get files of Secrets, such as a key for SSH.

    Raises
    ------
    UsageError
        It holds a secret, is a path of this machine, or needs a key that pods do not have.
    """
    if holds_credentials(url):
        raise UsageError(
            "the repository's address holds credentials, which would stand in the manifest",
            "--repo URL without them; give them to pods by a Secret (docs/argo.md)",
        )
    scheme = urlsplit(url).scheme if "://" in url else ""
    is_short = not scheme and ":" in url.partition("/")[0]  # host:path, which git takes for SSH
    if url.startswith("-") or not (scheme or is_short) or scheme == "file":
        raise UsageError(f"{url} is no address that pods can reach", "name another: --repo URL")
    if (is_short or scheme in _SSH) and not has_files:
        raise UsageError(
            f"{url} is reached by SSH, with a key of this machine that pods do not have",
            "--repo https://...; or mount a key by argo.secret_files (docs/argo.md: Credentials)",
        )


def check_out(url: str, sha: str, folder: Path) -> None:
    """Get one commit into a folder, with as little of its history as the server allows.

    Raises
    ------
    StorageError
        The server cannot be reached, or does not have it.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    try:
        git(folder, "fetch", "--quiet", "--depth=1", "--", url, sha)
    except UsageError:  # a server that does not give commits by their sha
        try:
            git(folder, "fetch", "--quiet", "--", url, "+refs/*:refs/fetched/*")
        except UsageError as exc:
            raise StorageError(f"{url}: {exc.message}", "see that pods can reach it") from exc
    git(folder, "checkout", "--quiet", "--detach", sha)


def git(folder: Path, *args: str) -> str:
    """Return what a git command prints, without its last line end.

    Raises
    ------
    UsageError
        It fails.
    """
    done = subprocess.run(
        ["git", *_OPTIONS, *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"git {args[0]} failed"
        raise UsageError(said, "git status says more")
    return done.stdout.rstrip("\n")
