"""`python -m flows.stages`, the door that dvc.yaml uses: codes, and no traceback."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import yaml

from flows.stages import __main__ as door
from flows.stages.run import run_stage
from tests.conftest import REPOSITORY
from tests.flows.refusals import command, refusal


@pytest.fixture
def wired(model_root: Path) -> Path:
    """The folder with dvc.yaml and params.yaml."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(REPOSITORY / name, model_root / name)
    return model_root


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("kind", ["missing", "folder", "link to itself"])
def test_params_yaml_that_cannot_be_read_is_named_with_where_to_run_it(tmp_path, kind):
    file = tmp_path / "params.yaml"
    if kind == "folder":
        file.mkdir()
    elif kind == "link to itself":
        file.symlink_to(file)
    done = command(tmp_path, "-m", "flows.stages", "select")
    assert done.returncode == 1
    assert done.stderr.startswith("stage select: params.yaml: ")
    assert "fix: run it in the folder of the project" in done.stderr
    assert "Traceback" not in done.stderr


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
def test_what_a_stage_reads_and_dvc_yaml_does_not_name_as_its_dep_is_refused(
    wired, stage, old, new, missing
):
    if old:
        change(wired / "params.yaml", old, new)
    else:
        change(wired / "dvc.yaml", f"      {new}", "")
    done = command(wired, "-m", "flows.stages", stage)
    assert done.returncode == 1
    assert f"stage {stage}: dvc.yaml: stage {stage} has no dep {missing}" in done.stderr


def test_select_runs_where_dvc_yaml_names_what_it_reads_and_where_there_is_none(wired):
    assert command(wired, "-m", "flows.stages", "select").returncode == 0
    (wired / "dvc.yaml").unlink()
    assert command(wired, "-m", "flows.stages", "select").returncode == 0


def test_a_new_month_in_params_and_in_the_deps_is_taken(wired, easy_gate):
    values = yaml.safe_load((wired / "params.yaml").read_text())
    values["backtest"]["months"] = ["2013-06", *values["backtest"]["months"]]
    values["evaluate"]["gate"] = easy_gate.evaluate.gate.model_dump()
    (wired / "params.yaml").write_text(yaml.safe_dump(values))
    change(
        wired / "dvc.yaml",
        "      - data/backtest/2013-07.parquet",
        "      - data/backtest/2013-06.parquet\n      - data/backtest/2013-07.parquet",
    )
    for stage in ("backtest@2013-06", "evaluate"):
        done = command(wired, "-m", "flows.stages", stage)
        assert done.returncode == 0, done.stderr
    assert "2013-06," in (wired / "models/evaluation/months.csv").read_text()


def test_ctrl_c_ends_it_with_130_and_no_traceback(small_root, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(small_root)
    monkeypatch.setattr(door, "run_stage", stopped)
    assert door.main(["train@hgb"]) == 130


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.ENOSPC, "make room"), (errno.EROFS, "let this user write"), (errno.EACCES, "let this")],
)
def test_what_the_system_refuses_comes_with_what_to_do(
    model_root, params, monkeypatch, number, fix
):
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    text = refusal(model_root, params, "select")
    assert f"models/selected/model.json: {os.strerror(number)}" in text
    assert f"fix: {fix}" in text
    monkeypatch.undo()
    run_stage(model_root, params, "select")
