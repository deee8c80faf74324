"""Inputs of stages that a clone does not have, and which input of actions/checkout brings them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.github_action.checkout_gaps import find_gaps
from dvc_bridge.pipeline.stage import Dependency, Params, Stage

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
READS = Stage(
    "dvc.yaml",
    "train",
    deps=(Dependency("data", "data"), Dependency("lib/a", "lib/a")),
    params=(Params("p.json", "p.json"),),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / ".git").mkdir()
    (tmp_path / "data" / "deep").mkdir(parents=True)
    return Project(tmp_path, tmp_path, {})


def test_pointers_of_git_lfs_are_found_among_files_folders_and_params(project: Project) -> None:
    (project.root / ".gitattributes").write_text("* filter=lfs\n")
    (project.root / "data" / "deep" / "x").write_text(POINTER)
    (project.root / "p.json").write_text(POINTER)
    (message,) = find_gaps(project, [READS])
    assert message.startswith("Git LFS has not brought data, p.json, ")


def test_a_repository_without_git_lfs_is_not_searched(project: Project) -> None:
    (project.root / "p.json").write_text(POINTER)
    assert find_gaps(project, [READS]) == []


def test_only_an_empty_submodule_that_a_stage_reads_is_named(project: Project) -> None:
    text = "".join(f'[submodule "{n}"]\n\tpath = {n}\n' for n in ("lib", "docs", "../odd"))
    (project.root / ".gitmodules").write_text(text)
    (message,) = find_gaps(project, [READS])
    assert message.startswith("stages read files of lib, ")
    (project.root / "lib").mkdir()
    (project.root / "lib" / "a").touch()
    assert find_gaps(project, [READS]) == []


@pytest.mark.parametrize("text", ["", "[", "[submodule]\n", "[include]\n\tpath = p.json\n"])
def test_a_gitmodules_that_names_no_folder_is_ignored(project: Project, text: str) -> None:
    (project.root / ".gitmodules").write_text(text)
    assert find_gaps(project, [READS]) == []
