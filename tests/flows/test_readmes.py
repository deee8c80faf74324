"""data/README.md describes every column as the code does; the model card has the scores."""

import json

import pytest

from flows.features import columns
from tests.conftest import REPOSITORY

README = (REPOSITORY / "data" / "README.md").read_text()


@pytest.mark.parametrize("name", ["flights", "weather", "airlines", "airports", "planes"])
def test_every_column_of_a_raw_table_is_listed_with_whether_it_may_be_empty(name: str) -> None:
    section = README.split(f"### {name}\n")[1].split("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.strip().splitlines()[2:]]
    listed = {row[0].strip("`"): row[2] == "yes" for row in rows}
    assert listed == {c: raw.empty for c, raw in getattr(columns, name.upper()).items()}


def test_every_feature_is_listed_with_its_unit_and_meaning() -> None:
    for name, feature in {**columns.CATEGORIES, **columns.NUMBERS}.items():
        assert f"| `{name}` | {feature.unit} | {feature.meaning} |" in README


def test_every_forbidden_column_is_listed_with_the_reason() -> None:
    for name, why in columns.FORBIDDEN.items():
        assert f"| `{name}` | {why} |" in README


@pytest.mark.parametrize(
    ("row", "window"),
    [
        ("test, Nov-Dec | selected", "test"),
        ("test, Nov-Dec | rate table", "test_baseline"),
        ("back-test, Jul-Dec, each month from all before it | selected", "backtest"),
    ],
)
def test_the_model_card_shows_the_scores_of_metrics_json(row: str, window: str) -> None:
    scores = json.loads((REPOSITORY / "models/evaluation/metrics.json").read_text())[window]

    def cell(name: str) -> str:
        if f"{name}_low" not in scores:
            return f"{scores[name]:.3f}"
        return f"{scores[name]:.3f} ({scores[name + '_low']:.3f} to {scores[name + '_high']:.3f})"

    card = (REPOSITORY / "models/README.md").read_text()
    assert f"| {row} | {cell('auc')} | {cell('log_loss')} |" in card
