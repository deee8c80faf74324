"""The Action's mode `plan`, on clones without data, a remote or credentials."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from dvc_bridge.github_action.document import COMMENT_LIMIT, SUMMARY_LIMIT
from tests.support.action_step import step
from tests.support.commands import dvc, dvc_status, git
from tests.support.hostile_texts import HOSTILE
from tests.unit.github_action.test_literal_text import TAGS, html

STAGES = {
    "first": {"cmd": "cp raw/a one", "deps": ["raw/a"], "outs": ["one"]},
    "second": {
        "cmd": "cat one code > two; echo {} > m.json",
        "deps": ["one", "code"],
        "params": ["lr"],
        "outs": ["two"],
        "metrics": [{"m.json": {"cache": False}}],
    },
    "last": {"cmd": "cp two three", "deps": ["two"], "outs": ["three"]},
    "aside": {"cmd": "cp raw/b aside", "deps": ["raw"], "outs": ["aside"]},
}


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with data, after `dvc repro`."""
    root = tmp_path_factory.mktemp("action") / "origin"
    (root / "raw").mkdir(parents=True)
    for name in ("raw/a", "raw/b", "code"):
        (root / name).write_text(f"{name}\n")
    (root / "params.yaml").write_text("lr: 0.1\n")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    git(root, "init", "--quiet", "--initial-branch=main")
    Repo.init(str(root)).close()  # in this process, since most tests need DVC here too
    dvc(root, "add", "--quiet", "raw")
    dvc(root, "repro", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    return root


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    return tmp_path / "clone"


def verdicts(reasons: str) -> dict[str, str]:
    """Return the verdict of each stage with a command, by its address."""
    stages = json.loads(Path(reasons).read_text(encoding="utf-8"))["stages"]
    return {stage["address"]: stage["verdict"] for stage in stages if stage["name"]}


def test_an_unchanged_clone_has_nothing_to_do_and_nothing_changes(
    clone: Path, tmp_path: Path
) -> None:
    result = step(clone, tmp_path / "runner")
    assert result.code == 0, result.log
    assert result.outputs["changed"] == "false"
    assert (result.outputs["stages"], result.outputs["will-run"]) == ("5", "0")
    assert "all 5 stages are up to date" in result.comment
    assert git(clone, "status", "--porcelain") == ""
    assert not (clone / ".dvc" / "cache").exists()


EDITS: dict[str, Callable[[Path], object]] = {
    "a parameter": lambda root: (root / "params.yaml").write_text("lr: 0.2\n"),
    "code": lambda root: (root / "code").write_text("new\n"),
    "a command": lambda root: _edit(root, "cp raw/b aside", "cp raw/b aside; true"),
    "a new stage": lambda root: _edit(
        root, "  aside:", "  new:\n    cmd: cp raw/b x\n    deps: [raw/b]\n    outs: [x]\n  aside:"
    ),
    "two stages": lambda root: _edit(root, "cp raw/a one", "cp raw/a one; true"),
}


def _edit(root: Path, old: str, new: str) -> None:
    text = (root / "dvc.yaml").read_text()
    assert old in text
    (root / "dvc.yaml").write_text(text.replace(old, new))


@pytest.mark.parametrize("edit", EDITS)
def test_a_clone_without_data_tells_the_same_as_one_with_data(
    edit: str, origin: Path, clone: Path, tmp_path: Path
) -> None:
    whole = shutil.copytree(origin, tmp_path / "whole", symlinks=True)
    for root in (whole, clone):
        EDITS[edit](root)
    with_data = step(whole, tmp_path / "a")
    without = step(clone, tmp_path / "b")
    expected = verdicts(with_data.outputs["reasons"])
    assert verdicts(without.outputs["reasons"]) == expected
    assert set(expected.values()) & {"runs"}
    runs = {name for name, verdict in expected.items() if verdict == "runs"}
    assert runs == set(dvc_status(whole))


def test_data_that_a_pull_request_changes_run_what_reads_them(clone: Path, tmp_path: Path) -> None:
    text = (clone / "raw.dvc").read_text()
    (clone / "raw.dvc").write_text(re.sub(r"md5: \w{32}\.dir", f"md5: {'0' * 32}.dir", text))
    result = step(clone, tmp_path / "runner")
    assert verdicts(result.outputs["reasons"])["aside"] == "runs"
    assert result.outputs["will-run"] == "1"


def test_an_invalid_dvc_yaml_is_annotated_at_its_line(clone: Path, tmp_path: Path) -> None:
    _edit(clone, "  aside:\n    cmd:", "  aside:\n    cdm:")
    result = step(clone, tmp_path / "runner")
    assert result.code == 2
    assert result.outputs["valid"] == "false"
    line = (clone / "dvc.yaml").read_text().splitlines().index("  aside:") + 1
    assert any(re.match(rf"::error file=dvc\.yaml,line={line}\b", c) for c in result.commands)
    assert "stopped with an error" in result.summary


def test_a_stage_whose_input_nobody_has_is_a_warning_at_its_line(
    clone: Path, tmp_path: Path
) -> None:
    _edit(clone, "    - code\n", "    - code\n    - nowhere\n")
    result = step(clone, tmp_path / "runner")
    assert result.code == 0, result.log
    line = (clone / "dvc.yaml").read_text().splitlines().index("  second:") + 1
    (command,) = result.commands
    assert command.startswith(f"::warning file=dvc.yaml,line={line},title=stage second cannot run")
    assert "2 of 5 stages cannot run" in result.comment


def test_the_annotations_are_written_as_sarif_also_after_an_error(
    clone: Path, tmp_path: Path
) -> None:
    result = step(clone, tmp_path / "runner", sarif="reports/plan.sarif")
    written = clone / "reports" / "plan.sarif"
    assert result.outputs["sarif"] == str(written)
    assert json.loads(written.read_text())["runs"][0]["results"] == []
    _edit(clone, "  aside:\n    cmd:", "  aside:\n    cdm:")
    assert step(clone, tmp_path / "runner", sarif="reports/plan.sarif").code == 2
    found = json.loads(written.read_text())["runs"][0]["results"][0]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dvc.yaml"


def test_every_unreadable_file_is_annotated(clone: Path, tmp_path: Path) -> None:
    """Pipelines of DVC 0 and 1 have several files that DVC 3 refuses."""
    (clone / "train.dvc").write_text("md5: 1\ncmd: python train.py\nouts: []\n")
    (clone / "eval.dvc").write_text("md5: 1\ncmd: python eval.py\nouts: []\n")
    (clone / "dvc.lock").write_text("first:\n  cmd: cp raw/a one\n")
    result = step(clone, tmp_path / "runner")
    assert result.code == 2
    files = {re.split("[=,]", command)[1] for command in result.commands}
    assert files == {"train.dvc", "eval.dvc", "dvc.lock"}
    assert result.summary.count("which DVC 3 does not support") == 2


def test_a_folder_of_versions_in_a_bucket_counts_as_recorded(clone: Path, tmp_path: Path) -> None:
    """With the setting `version_aware`, DVC records the files of a folder instead of a hash."""
    version = {"md5": "0" * 32, "size": 1, "cloud": {"s": {"version_id": "1"}}}
    versions = {"path": "versions", "hash": "md5", "files": [{"relpath": "a", **version}]}
    (clone / "versions.dvc").write_text(yaml.safe_dump({"outs": [versions]}))
    result = step(clone, tmp_path / "runner")
    assert (result.code, result.outputs["changed"]) == (0, "false"), result.log


def test_a_repository_with_data_and_no_stages_is_told_so(clone: Path, tmp_path: Path) -> None:
    for name in ("dvc.yaml", "dvc.lock"):
        (clone / name).unlink()
    result = step(clone, tmp_path / "runner")
    assert "there are no stages in dvc.yaml; 1 .dvc file is up to date" in result.summary
    assert "<summary>1 .dvc file is up to date</summary>" in result.summary


def test_a_deleted_dvc_yaml_whose_lock_file_stays_is_a_warning(clone: Path, tmp_path: Path) -> None:
    (clone / "dvc.yaml").unlink()
    result = step(clone, tmp_path / "runner")
    assert result.code == 0, result.log
    assert any("there is dvc.lock, but no dvc.yaml" in command for command in result.commands)
    assert "there is dvc&#46;lock, but no dvc&#46;yaml" in result.summary


def test_a_file_that_git_lfs_did_not_bring_is_a_warning(clone: Path, tmp_path: Path) -> None:
    (clone / ".gitattributes").write_text("code filter=lfs diff=lfs merge=lfs -text\n")
    (clone / "code").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    result = step(clone, tmp_path / "runner")
    assert verdicts(result.outputs["reasons"])["second"] == "runs"
    assert any("set lfs: true in actions/checkout" in command for command in result.commands)
    assert "Git LFS has not brought code" in result.comment
    (clone / "code").write_text("code\n")
    assert not step(clone, tmp_path / "runner").commands


def test_a_project_in_a_folder_is_found_and_its_lines_count_from_the_repository(
    clone: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(clone, outer / "ml", symlinks=True)
    shutil.move(outer / "ml" / ".git", outer / ".git")
    result = step(outer, tmp_path / "runner")
    assert result.code == 2
    assert "set working-directory to one of: ml" in result.log
    _edit(outer / "ml", "  aside:\n    cmd:", "  aside:\n    cdm:")
    result = step(outer, tmp_path / "runner", working_directory="ml")
    assert any(command.startswith("::error file=ml/dvc.yaml,line=") for command in result.commands)


def test_hashes_of_dvc_2_are_compared_without_the_data_that_are_missing(
    clone: Path, tmp_path: Path
) -> None:
    for name in ("dvc.lock", "raw.dvc"):
        file = clone / name
        file.write_text(re.sub(r"\n *(- )?hash: md5", "", file.read_text()))
    result = step(clone, tmp_path / "runner")
    assert (result.code, result.outputs["will-run"]) == (0, "0"), result.log
    (clone / "code").write_text("new\n")
    result = step(clone, tmp_path / "runner")
    assert "second: dep code changed" in result.log
    assert "one changed" not in result.log
    assert verdicts(result.outputs["reasons"])["first"] == "up to date"


def test_a_source_outside_the_project_counts_as_it_was_last_read(
    empty_project: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(empty_project, tmp_path / "project")
    source = tmp_path / "source"
    source.write_text("1")
    stages: dict[str, Any] = {"a": {"cmd": f"cp {source} a", "deps": [str(source)], "outs": ["a"]}}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    dvc(root, "repro", "--quiet")
    source.unlink()
    result = step(root, tmp_path / "runner")
    assert (result.code, result.outputs["will-run"]) == (0, "0"), result.log
    stages["a"]["cmd"] = f"cp {source} a; true"
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    result = step(root, tmp_path / "runner")
    assert (result.code, result.outputs["will-run"]) == (0, "1"), result.log


def test_modules_of_the_repository_are_not_imported(clone: Path, tmp_path: Path) -> None:
    for name in ("dvc_bridge", "dvc", "yaml", "json", "sitecustomize"):
        (clone / f"{name}.py").write_text("import os; os._exit(7)\n")
    command = [sys.executable, "-I", "-m", "dvc_bridge.github_action"]
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, "RUNNER_TEMP": str(tmp_path)}, capture_output=True
    )
    assert done.returncode == 0, done.stdout


def test_hostile_values_and_paths_stay_text(clone: Path, tmp_path: Path) -> None:
    values = [text for text in HOSTILE if "\ud800" not in text]
    paths = [text for text in values if len(text) < 99 and not set(text) & set("\0/\n\r")]
    (clone / "params.yaml").write_text(yaml.safe_dump({"v": values}, allow_unicode=False))
    stages = {
        "values": {"cmd": "true", "params": ["v"], "outs": ["values"]},
        **{
            f"s{n}": {"cmd": "true", "deps": [_literal(f"d/{path}")], "outs": [f"out{n}"]}
            for n, path in enumerate(paths)
        },
    }
    (clone / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, allow_unicode=False))
    lock = {
        "schema": "2.0",
        "stages": {
            "values": {"cmd": "true", "params": {"params.yaml": {"v": ["old"]}}},
            **{
                f"s{n}": {"cmd": text[:5_000], "deps": [{"path": f"d/{text}", "md5": "0" * 32}]}
                for n, text in enumerate(paths)
                if n % 2
            },
        },
    }
    (clone / "dvc.lock").write_text(yaml.safe_dump(lock, allow_unicode=False))
    result = step(clone, tmp_path / "runner")
    assert result.code == 0, result.log
    assert len(paths) > 40
    assert result.outputs["stages"] == str(len(stages) + 1)
    assert set(result.outputs) == {
        "stages",
        "will-run",
        "changed",
        "reasons",
        "predicted-seconds",
        "comment",
        "valid",
    }
    assert len(result.commands) == 10
    assert all(command.startswith("::warning file=dvc.yaml,") for command in result.commands[:9])
    for text, limit in ((result.summary, SUMMARY_LIMIT), (result.comment, COMMENT_LIMIT)):
        assert len(text.encode()) < limit
        body = text.split("\n", 1)[1] if text.startswith("<!-- dvc-bridge:plan") else text
        tags = {*TAGS, "h3", "details", "summary", "br", "p"}
        assert set(re.findall(r"</?([a-zA-Z0-9]+)", html(body))) <= tags
        assert "\x1b" not in text
    assert not set(result.log) & {"\x1b", "\x9b", "\b", "\r"}
    assert not list(clone.rglob("pwned"))


def test_hostile_names_of_stages_stay_text_in_every_file(clone: Path, tmp_path: Path) -> None:
    unusable = ("\ud800", "\0", "@")  # DVC refuses them in names
    names = [text for text in HOSTILE if len(text) < 200 and not any(c in text for c in unusable)]
    stages = {_literal(name): {"cmd": "true", "deps": ["nowhere"]} for name in names}
    (clone / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, allow_unicode=False))
    result = step(clone, tmp_path / "runner", sarif="x.sarif")
    assert result.code == 0, result.log
    assert len(names) > 50
    assert len(verdicts(result.outputs["reasons"])) == len(names)
    assert len(result.commands) == 10
    assert all(command.startswith("::warning ") for command in result.commands)
    found = json.loads((clone / "x.sarif").read_text())["runs"][0]["results"]
    assert len(found) == len(names)
    assert all(item["message"]["text"].replace("\n", "").isprintable() for item in found)
    tags = {*TAGS, "h3", "details", "summary", "br", "p"}
    assert set(re.findall(r"</?([a-zA-Z0-9]+)", html(result.summary))) <= tags


def _literal(text: str) -> str:
    """Return a text as dvc.yaml has it, where `${` begins a template."""
    return text.replace("${", "\\${")


@pytest.mark.parametrize("name", ["targets", "working-directory", "mode"])
def test_hostile_inputs_are_refused_as_text(name: str, clone: Path, tmp_path: Path) -> None:
    for text in [text for text in HOSTILE if "\0" not in text and "\ud800" not in text][::6]:
        result = step(clone, tmp_path / "runner", **{name.replace("-", "_"): text})
        if text.strip():
            assert result.code == 2, (text[:100], result.log)
            assert all(command.startswith("::error ") for command in result.commands)
        assert not list(clone.rglob("pwned"))
