"""Columns that must not be features."""

import pytest

from flows.features.columns import FEATURE_COLUMNS, FEATURES, FORBIDDEN, forbidden_features


def test_no_feature_is_a_forbidden_column() -> None:
    assert forbidden_features(FEATURES) == []


def test_columns_that_reveal_a_flights_time_or_outcome_are_forbidden() -> None:
    others = FEATURE_COLUMNS.keys() - set(FEATURES)
    assert others == {"date", "departure_utc", "flight", "disrupted", "operated"}
    assert others - {"flight"} <= FORBIDDEN.keys()


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_column_is_refused_by_name(name: str) -> None:
    assert name in forbidden_features([name])[0]
