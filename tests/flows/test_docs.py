"""data/README.md says of every column what the code says."""

from pathlib import Path

import pytest

from flows.stages import columns

README = (Path(__file__).parents[2] / "data" / "README.md").read_text()


@pytest.mark.parametrize("name", ["flights", "weather", "airlines", "airports", "planes"])
def test_every_column_of_a_raw_table_is_listed_with_whether_it_may_be_empty(name: str):
    section = README.split(f"### {name}\n")[1].split("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.strip().splitlines()[2:]]
    listed = {row[0].strip("`"): row[2] == "yes" for row in rows}
    assert listed == {c: raw.empty for c, raw in getattr(columns, name.upper()).items()}


def test_every_feature_is_listed_with_its_unit_and_meaning():
    for name, feature in {**columns.CATEGORIES, **columns.NUMBERS}.items():
        assert f"| `{name}` | {feature.unit} | {feature.meaning} |" in README


def test_every_forbidden_column_is_listed_with_the_reason():
    for name, why in columns.FORBIDDEN.items():
        assert f"| `{name}` | {why} |" in README
