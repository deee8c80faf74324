"""Commit the results of a run: to a branch with a pull request, or to that of the workflow."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import StorageError, UsageError
from dvc_bridge.git.revision import git

_AUTHOR = "github-actions[bot]"
_MAIL = "41898282+github-actions[bot]@users.noreply.github.com"
_TIMEOUT_S = 60
# Part of the message of a commit for which GitHub starts no workflow.
_SKIP_CI = "[skip ci]"
_BODY = "The files that the run has changed."
_PERMISSIONS = (
    "give the job the permissions contents: write and pull-requests: write, and allow GitHub"
    " Actions to create pull requests in the settings of the repository; then run the job again,"
    " which repeats no stage"
)


@dataclass(frozen=True)
class GitHub:
    """The repository of the workflow.

    Parameters
    ----------
    server, api
        The URLs of GitHub and of its API.
    repository
        The owner and the name.
    branch
        The branch of the workflow.
    token
        The token of the job; empty: the clone has credentials to push with.
    """

    server: str
    api: str
    repository: str
    branch: str
    token: str

    def variables(self) -> dict[str, str]:
        """Return variables by which git sends the token, and no token of the clone."""
        if not self.token:
            return {}
        key = f"http.{self.server}/.extraheader"
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": key,
            "GIT_CONFIG_VALUE_0": "",
            "GIT_CONFIG_KEY_1": key,
            "GIT_CONFIG_VALUE_1": f"AUTHORIZATION: basic {basic}",
        }


def github_of(environment: Mapping[str, str], token: str) -> GitHub:
    """Return the repository of the workflow, from the runner's variables."""
    return GitHub(
        environment.get("GITHUB_SERVER_URL", "https://github.com"),
        environment.get("GITHUB_API_URL", "https://api.github.com"),
        environment.get("GITHUB_REPOSITORY", ""),
        environment.get("GITHUB_REF_NAME", ""),
        token,
    )


def commit_message(what: str, *, starts_workflow: bool = True) -> str:
    """Return the message of a commit, which is also the title of a pull request.

    Parameters
    ----------
    what
        What is committed, such as `results of run NAME`.
    """
    subject = f"Update dvc.lock: {what}"
    return subject if starts_workflow else f"{subject} {_SKIP_CI}"


def branch_name(run: str, revision: str) -> str:
    """Return the branch of a pull request.

    Parameters
    ----------
    run
        The name of the run; empty: results of the run cache, which belong to no run. They get one
        branch for each commit.
    revision
        The SHA of the commit.
    """
    return f"dvc-bridge/{run or f'run-cache-{revision[:12]}'}"


def commit_results(project: Project, files: Sequence[str], message: str) -> None:
    """Commit these files, paths from the current directory, as the bot of GitHub Actions.

    Equal files on top of the same commit become the same commit, so that a job can be repeated
    after its push: the date is that of the commit before.
    """
    root = project.git_root
    if root is None:
        raise project.no_git
    paths = [str((Path.cwd() / file).resolve()) for file in files]
    author = ("-c", f"user.name={_AUTHOR}", "-c", f"user.email={_MAIL}")
    git(root, "add", "--", *paths)
    date = git(root, "log", "--max-count=1", "--format=%cI")
    variables = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    command = ("commit", "--quiet", "--no-verify", "--message", message, "--", *paths)
    git(root, *author, *command, variables=variables)


def push(project: Project, github: GitHub, branch: str) -> None:
    """Push the current commit to a branch of the remote `origin`.

    Raises
    ------
    UsageError
        The branch has other commits, or the token may not push.
    """
    target = f"HEAD:refs/heads/{branch}"
    try:
        git(project.root, "push", "--quiet", "origin", target, variables=github.variables())
    except UsageError as error:
        raise UsageError(
            f"cannot push to {branch}: {error.message}",
            f"if the branch has new commits, run the workflow on them; otherwise {_PERMISSIONS}",
        ) from error


def open_pull_request(github: GitHub, branch: str, what: str) -> str:
    """Return the URL of the pull request from a branch to that of the workflow; open it if needed.

    Parameters
    ----------
    what
        What the pull request brings, such as `results of run NAME`.

    Raises
    ------
    BridgeError
        GitHub refuses, or does not respond.
    """
    owner = github.repository.partition("/")[0]
    head = quote(f"{owner}:{branch}", safe="")
    path = f"/repos/{github.repository}/pulls"
    found = _request(github, f"{path}?state=open&head={head}")
    if not found:
        title = commit_message(what)
        content = {"title": title, "body": _BODY, "head": branch, "base": github.branch}
        found = [_request(github, path, content)]
    return str(found[0]["html_url"])


def _request(github: GitHub, path: str, content: Mapping[str, str] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  the URL of the runner's own variable
        f"{github.api}{path}",
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {github.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310  as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        reason = _message_of(error)
        raise UsageError(f"GitHub refuses the pull request: {reason}", _PERMISSIONS) from error
    except (OSError, ValueError) as error:
        raise StorageError(
            f"GitHub does not respond: {error}", "run the job again, which repeats no stage"
        ) from error


def _message_of(error: urllib.error.HTTPError) -> str:
    try:
        content = json.load(error)
        details = [str(e.get("message", "")) for e in content.get("errors", ())]
        return " ".join(filter(None, [f"{error.code}", str(content.get("message", "")), *details]))
    except (ValueError, AttributeError):
        return str(error.code)
