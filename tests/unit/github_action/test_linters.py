"""The linters that `make lint-action` runs find planted mistakes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

RUN = 'run: python3 -I "$GITHUB_ACTION_PATH/action/install.py"'
ACTION_MISTAKES = {
    "an input in a shell line": (RUN, "run: echo ${{ inputs.mode }}"),
    "a step without a shell": ("shell: bash", "shel: bash"),
    "an output of no step": ("steps.run.outputs.stages", "steps.rum.outputs.stages"),
    "a value that is not quoted in a script": (RUN, "run: rm $GITHUB_ACTION_PATH/x"),
    "an icon that GitHub does not have": ("icon: git-merge", "icon: no-such-icon"),
    "an output without a value": ("value: ${{ steps.run.outputs.valid }}", ""),
    "an action by its tag": (
        f"- name: Install dvc-bridge\n{' ' * 6}id",
        "- uses: a/b@v1\n      id",
    ),
}
WORKFLOW_MISTAKES = {
    "a runner that does not exist": ("os: [ubuntu-latest, macos", "os: [ubuntu-latst, macos"),
    "a title of a pull request in a shell line": (
        'test "$STAGES" -eq 3',
        "echo ${{ github.event.pull_request.title }}",
    ),
    "all permissions": ("permissions: {}", "permissions: write-all"),
    "a workflow of strangers with a checkout": ("  pull_request:", "  pull_request_target:"),
    "credentials that stay in the clone": ("persist-credentials: false", "fetch-tags: false"),
    "an input that the action does not have": ("targets: train@hgb", "target: train@hgb"),
}


def finding(root: Path) -> str:
    """Return the first linter that rejects action.yml or the workflow in `root`; empty if none."""
    action, workflow = "action.yml", ".github/workflows/self-test.yml"
    schema = ["check-jsonschema", "--quiet", "--builtin-schema"]
    options = ["--quiet", "--offline", "--strict-collection", "--persona", "pedantic"]
    commands = [
        ["jactionlint", action, workflow],
        ["zizmor", *options, "--config", ".github/zizmor.yml", action, workflow],
        [*schema, "vendor.github-actions", action],
        [*schema, "vendor.github-workflows", workflow],
    ]
    rejecting = (c for c in commands if subprocess.run(c, cwd=root, capture_output=True).returncode)
    return next(rejecting, [""])[0]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy2(REPOSITORY / "action.yml", tmp_path)
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_files_as_they_are_pass(copy: Path) -> None:
    assert not finding(copy)


@pytest.mark.parametrize("mistake", [*ACTION_MISTAKES, *WORKFLOW_MISTAKES])
def test_a_planted_mistake_is_found(mistake: str, copy: Path) -> None:
    is_action = mistake in ACTION_MISTAKES
    old, new = ACTION_MISTAKES[mistake] if is_action else WORKFLOW_MISTAKES[mistake]
    file = copy / ("action.yml" if is_action else ".github/workflows/self-test.yml")
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert finding(copy)
