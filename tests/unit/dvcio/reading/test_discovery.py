"""Which dvc.yaml files belong to a project: those that git and DVC do not ignore."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from dvc.repo import Repo

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.discovery import dvc_files
from dvc_bridge.dvcio.reading.dvcignore import DvcIgnore
from tests.support.commands import git

STAGE = "stages: {{{name}: {{cmd: echo, outs: [{name}]}}}}\n"
FOLDERS = ("ignored", "Ignored", "kept")


def by_gitignore(root: Path, _: Path) -> None:
    (root / ".gitignore").write_text("ignored/\n")


def by_exclude(root: Path, _: Path) -> None:
    (root / ".git/info/exclude").write_text("ignored/\n")


def by_a_file_that_the_settings_name(root: Path, home: Path) -> None:
    (home / "mine").write_text("ignored/\n")
    git(root, "config", "core.excludesFile", "~/mine")


def by_a_file_that_the_settings_of_the_user_name(_: Path, home: Path) -> None:
    (home / "mine").write_text("ignored/\n")
    (home / ".gitconfig").write_text("[core]\n  excludesFile = ~/mine\n")


def by_the_usual_file_of_the_user(_: Path, home: Path) -> None:
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/ignore").write_text("ignored/\n")


def by_included_settings(root: Path, home: Path) -> None:
    (home / "mine").write_text("ignored/\n")
    (home / "settings").write_text("[core]\n  excludesFile = ~/mine\n")
    git(root, "config", "include.path", str(home / "settings"))


def without_regard_to_case(root: Path, _: Path) -> None:
    by_gitignore(root, root)
    git(root, "config", "core.ignorecase", "true")


WAYS = (
    by_gitignore,
    by_exclude,
    by_a_file_that_the_settings_name,
    by_a_file_that_the_settings_of_the_user_name,
    by_the_usual_file_of_the_user,
    by_included_settings,
    without_regard_to_case,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / ".dvc").mkdir()
    for folder in FOLDERS:
        (root / folder).mkdir()
        (root / folder / "dvc.yaml").write_text(STAGE.format(name=folder))
    return root


def found(root: Path) -> set[str]:
    """Return the files that we find, after a check that DVC finds the same."""
    project = find_project(root)
    files = set(dvc_files(project, DvcIgnore(project), set()))
    with closing(Repo(str(root))) as repo:
        of_dvc = {Path(stage.path).relative_to(root).as_posix() for stage in repo.index.stages}
    assert files == of_dvc
    return files


@pytest.mark.parametrize("ignore", WAYS, ids=lambda way: way.__name__)
def test_what_git_ignores_is_no_file_of_the_project(
    root: Path, home: Path, ignore: Callable[[Path, Path], None]
) -> None:
    assert len(found(root)) == len(FOLDERS)
    ignore(root, home)
    both = ignore is without_regard_to_case
    assert found(root) == {f"{name}/dvc.yaml" for name in FOLDERS[2 if both else 1 :]}


def test_in_a_worktree_the_settings_of_the_repository_apply(root: Path, home: Path) -> None:
    by_a_file_that_the_settings_name(root, home)
    git(root, "add", "--force", ".")
    git(root, "commit", "--quiet", "-m", "1")
    other = root.with_name("other")
    git(root, "worktree", "add", "--quiet", str(other))
    (other / ".dvc").mkdir()
    assert found(other) == {"Ignored/dvc.yaml", "kept/dvc.yaml"}


@pytest.mark.usefixtures("home")
def test_a_usual_repository_is_read_without_the_objects_of_git(root: Path) -> None:
    program = (
        "import sys; from dvc_bridge.dvcio.project import find_project\n"
        "from dvc_bridge.dvcio.reading.pipeline import read_pipeline\n"
        "read_pipeline(find_project()); print('dulwich.repo' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True
    )
    assert printed.stdout == "False\n"
