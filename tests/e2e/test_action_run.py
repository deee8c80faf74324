"""The Action's modes `run` and `collect`: results as a pull request or as a commit."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.github_action.inputs import variable
from tests.support.action_step import Step, step
from tests.support.commands import dvc_status, git
from tests.support.projects import copy_committed, push_to_remote

STAGES = {
    "one": {"cmd": "cp raw one; env > env.txt", "deps": ["raw"], "outs": ["one", "env.txt"]},
    "two": {"cmd": "cp one two", "deps": ["one"], "outs": ["two"]},
}
TOKEN = "secret-token-of-the-job"  # noqa: S105


class GitHubApi(BaseHTTPRequestHandler):
    """The two requests of GitHub's API that the Action makes."""

    requests: list[tuple[str, str, Any]]
    opened: list[dict[str, str]]
    refuses = False

    def do_GET(self) -> None:
        self.requests.append(("GET", self.path, self.headers["Authorization"]))
        self._answer(200, self.opened)

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append(("POST", self.path, content))
        if self.refuses:
            self._answer(403, {"message": "GitHub Actions is not permitted to create"})
            return
        self.opened.append({"html_url": "https://github.example/o/r/pull/7"})
        self._answer(201, self.opened[0])

    def _answer(self, code: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name
        """Print nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHubApi]]:
    handler = type("Api", (GitHubApi,), {"requests": [], "opened": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def pushed(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data are in the remote, and whose stages have never run."""
    folder = tmp_path_factory.mktemp("run")
    root = shutil.copytree(empty_project, folder / "project")
    push_to_remote(root, STAGES, {"raw": "raw", "dvc-bridge.yaml": "engine: processes\n"})
    git(root, "checkout", "--quiet", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "all")
    return root


@pytest.fixture
def project(pushed: Path, tmp_path: Path) -> Path:
    """A copy of the project, and of its remote, with an empty repository as origin."""
    root = copy_committed(pushed, tmp_path)
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(root, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    return root


def run(project: Path, tmp_path: Path, **inputs: str) -> Step:
    return step(project, tmp_path / "runner", **{"mode": "run", "token": TOKEN, **inputs})


def test_results_become_a_pull_request_from_their_own_branch(
    project: Path, tmp_path: Path, api: type[GitHubApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INPUT_TOKEN", variable("token")):
        monkeypatch.setenv(name, TOKEN)
    result = run(project, tmp_path)
    assert result.code == 0, result.log
    name = result.outputs["run"]
    assert result.outputs["pull-request"] == "https://github.example/o/r/pull/7"
    (_, _, authorization), (_, path, content) = api.requests
    assert (path, authorization) == ("/repos/o/r/pulls", f"Bearer {TOKEN}")
    assert (content["head"], content["base"]) == (f"dvc-bridge/{name}", "main")
    origin = tmp_path / "origin.git"
    branch = f"dvc-bridge/{name}"
    files = git(origin, "diff", "--name-only", "main", branch).split()
    assert files == [".gitignore", "dvc.lock"]
    assert git(origin, "log", "-1", "--format=%an", branch) == "github-actions[bot]"
    assert dvc_status(project) == {}
    assert TOKEN not in (project / "env.txt").read_text()
    assert TOKEN not in result.log + result.summary + (project / ".git" / "config").read_text()


def test_a_commit_to_the_branch_starts_no_workflow(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    result = run(project, tmp_path, result="commit")
    assert result.code == 0, result.log
    assert "[skip ci]" in git(tmp_path / "origin.git", "log", "-1", "--format=%s", "main")
    assert not api.requests
    again = run(project, tmp_path, result="commit")
    assert (again.outputs["run"], again.outputs["changed"]) == ("", "false")


def test_forced_stages_of_a_clone_read_the_data_that_only_the_remote_has(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    git(tmp_path, "clone", "--quiet", "--branch", "main", "origin.git", "clone")
    result = run(tmp_path / "clone", tmp_path, force="true", result="commit")
    assert result.code == 0, result.log
    assert result.outputs["will-run"] == "2"


def test_fire_and_forget_and_collect_in_another_job(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    started = run(project, tmp_path, wait="false")
    assert started.code == 0, started.log
    name = started.outputs["run"]
    assert name in started.summary
    for _ in range(300):
        collected = run(project, tmp_path, mode="collect", run=name)
        if collected.code == 0:
            break
    assert collected.outputs["pull-request"]
    assert api.requests[-1][2]["head"] == f"dvc-bridge/{name}"


def test_a_refused_pull_request_names_the_permission(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    api.refuses = True
    result = run(project, tmp_path)
    assert result.code == 2
    assert "403 GitHub Actions is not permitted to create" in result.log
    assert "pull-requests: write" in result.log
    assert "<code>two</code> | ran" in result.summary


def test_a_refused_job_can_be_repeated_in_a_new_clone(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    api.refuses = True
    name = run(project, tmp_path).outputs["run"]
    api.refuses = False
    git(project, "reset", "--quiet", "--hard", "origin/main")
    collected = run(project, tmp_path, mode="collect", run=name)
    assert collected.code == 0, collected.log
    assert api.requests[-1][2]["head"] == f"dvc-bridge/{name}"
    git(project, "reset", "--quiet", "--hard", "origin/main")
    repeated = run(project, tmp_path)
    assert (repeated.code, repeated.outputs["run"]) == (0, ""), repeated.log
    again = f"dvc-bridge/run-cache-{git(project, 'rev-parse', 'origin/main')[:12]}"
    assert again in git(tmp_path / "origin.git", "branch", "--format=%(refname:short)").split()


@pytest.mark.parametrize(
    ("result", "ref"), [("pull-request", "refs/pull/7/merge"), ("commit", "refs/tags/v1")]
)
def test_results_without_a_branch_to_go_to_are_refused_before_the_run(
    result: str, ref: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REF", ref)
    refused = run(project, tmp_path, result=result)
    assert refused.code == 2
    assert f"result {result} needs a branch" in refused.log
    assert not (project / "one").exists()


def test_a_stage_that_fails_delivers_nothing(
    project: Path, tmp_path: Path, api: type[GitHubApi]
) -> None:
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(text.replace("cp one two", "exit 3"))
    result = run(project, tmp_path)
    assert result.code == 1
    assert any("title=stage two failed" in command for command in result.commands)
    assert not api.requests
    assert git(tmp_path / "origin.git", "branch", "--format=%(refname:short)") == "main"


def test_modes_that_run_stages_here_refuse_a_token(project: Path, tmp_path: Path) -> None:
    result = run(project, tmp_path, mode="repro")
    assert result.code == 2
    assert "token is not for mode repro" in result.log
