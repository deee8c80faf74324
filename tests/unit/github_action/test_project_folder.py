"""Where a step finds its project, and what it says where there is none."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.github_action.project_folder import enter_project


def make(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def refusal(root: Path, folder: str = ".") -> str:
    with chdir(root), pytest.raises(UsageError) as caught:
        enter_project(root, Path(folder))
    assert str(root) not in str(caught.value)
    return str(caught.value)


def test_the_project_of_a_subfolder_is_entered(tmp_path: Path) -> None:
    make(tmp_path, ".git/HEAD", "ml/.dvc/config")
    with chdir(tmp_path):
        assert enter_project(tmp_path, Path("ml")).root == tmp_path / "ml"
        assert Path.cwd() == tmp_path / "ml"


def test_a_submodule_that_the_clone_does_not_have_is_named(tmp_path: Path) -> None:
    make(tmp_path, ".git/HEAD", "README")
    (tmp_path / ".gitmodules").write_text('[submodule "m l"]\n\tpath = m l\n\turl = ../ml\n')
    assert "no files of the submodules m l" in refusal(tmp_path)
    assert refusal(tmp_path).endswith("and working-directory to its folder")


def test_projects_in_other_folders_are_named(tmp_path: Path) -> None:
    make(tmp_path, "README", "a/.dvc/config", "b/c/d/.dvc/config")
    assert "the repository is not in a DVC project" in refusal(tmp_path)
    assert refusal(tmp_path).endswith("set working-directory to one of: a, b/c/d")
    (tmp_path / "docs").mkdir()
    assert refusal(tmp_path, "docs").startswith("working-directory docs is not in a DVC project")


def test_a_pipeline_without_a_project_is_named(tmp_path: Path) -> None:
    make(tmp_path, "dvc.yaml", "pipelines/dvc.yaml")
    assert "has dvc.yaml, pipelines/dvc.yaml, but no folder .dvc" in refusal(tmp_path)
    assert "run dvc init" in refusal(tmp_path)


def test_many_projects_are_counted(tmp_path: Path) -> None:
    make(tmp_path, *(f"p{n:02}/.dvc/config" for n in range(13)))
    assert refusal(tmp_path).endswith("p08, p09 and 3 more")


def test_a_repository_without_dvc_is_told_so(tmp_path: Path) -> None:
    make(tmp_path, "README")
    assert "neither a folder .dvc nor a dvc.yaml" in refusal(tmp_path)


def test_a_job_without_a_checkout_is_told_so(tmp_path: Path) -> None:
    assert "run actions/checkout first" in refusal(tmp_path)
