"""`python -m flows`, the command in dvc.yaml: exit codes, and no traceback."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import yaml

from flows import __main__ as main_module
from flows.params import Params
from flows.pipeline import run_stage
from tests.conftest import REPOSITORY
from tests.flows.stage_runs import run_main, stage_error


@pytest.fixture
def project(model_root: Path) -> Path:
    """A copy of `model_root` with dvc.yaml and params.yaml."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(REPOSITORY / name, model_root / name)
    return model_root


def replace_text(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("kind", ["missing", "folder", "link to itself"])
def test_params_yaml_that_cannot_be_read_is_named_with_where_to_run_it(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "params.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind == "link to itself":
        file.symlink_to(file)
    process = run_main(tmp_path, "select")
    assert process.returncode == 1
    assert process.stderr.startswith("stage select: params.yaml: ")
    assert "fix: run the command in the project's folder" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("stage", "old", "new", "missing"),
    [
        (
            "evaluate",
            'months: ["2013-07"',
            'months: ["2013-06", "2013-07"',
            "data/backtest/2013-06",
        ),
        ("select", None, "- models/candidates/logistic\n", "models/candidates/logistic"),
    ],
)
def test_a_file_that_a_stage_reads_and_dvc_yaml_does_not_name_as_its_dep_is_an_error(
    project: Path, stage: str, old: str, new: str, missing: str
) -> None:
    if old:
        replace_text(project / "params.yaml", old, new)
    else:
        replace_text(project / "dvc.yaml", f"      {new}", "")
    process = run_main(project, stage)
    assert process.returncode == 1
    assert f"stage {stage}: dvc.yaml: stage {stage} has no dep {missing}" in process.stderr


def test_select_runs_where_dvc_yaml_names_what_it_reads_and_where_there_is_none(
    project: Path,
) -> None:
    assert run_main(project, "select").returncode == 0
    (project / "dvc.yaml").unlink()
    assert run_main(project, "select").returncode == 0


@pytest.mark.full
def test_a_new_month_in_params_and_in_the_deps_is_used(project: Path, easy_gate: Params) -> None:
    values = yaml.safe_load((project / "params.yaml").read_text())
    values["backtest"]["months"] = ["2013-06", *values["backtest"]["months"]]
    values["evaluate"]["gate"] = easy_gate.evaluate.gate.model_dump()
    (project / "params.yaml").write_text(yaml.safe_dump(values))
    replace_text(
        project / "dvc.yaml",
        "      - data/backtest/2013-07.parquet",
        "      - data/backtest/2013-06.parquet\n      - data/backtest/2013-07.parquet",
    )
    for stage in ("backtest@2013-06", "evaluate"):
        process = run_main(project, stage)
        assert process.returncode == 0, process.stderr
    assert "2013-06," in (project / "models/evaluation/months.csv").read_text()


def test_ctrl_c_ends_it_with_130_and_no_traceback(
    small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(small_root)
    monkeypatch.setattr(main_module, "run_stage", interrupt)
    assert main_module.main(["train@hgb"]) == 130


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free disk space"),
        (errno.EROFS, "grant this user write permission"),
        (errno.EACCES, "grant this"),
    ],
)
def test_an_error_of_the_system_comes_with_a_fix(
    model_root: Path, params: Params, monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    text = stage_error(model_root, params, "select")
    assert f"models/selected/model.json: {os.strerror(number)}" in text
    assert f"fix: {fix}" in text
    monkeypatch.undo()
    run_stage(model_root, params, "select")
