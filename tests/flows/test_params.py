"""params.yaml: what is wrong is refused by name, with its value."""

import pytest

from flows.stages.columns import FEATURES, FORBIDDEN, forbidden
from flows.stages.errors import StageError
from flows.stages.params import parse_params
from flows.stages.run import run_stage


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("features", "lead_min", 60),
        ("features", "lead_min", "120"),
        ("features", "unknown", 1),
        ("windows", "test_first", "2013-13"),
        ("export", "max_difference", float("nan")),
        ("backtest", "months", []),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(values, section, name, value):
    values[section][name] = value
    with pytest.raises(StageError) as refused:
        parse_params(values)
    assert f"{section}.{name}" in str(refused.value)
    assert repr(value) in str(refused.value)


def test_windows_out_of_order_are_refused(values):
    values["windows"]["valid_first"] = "2013-12"
    with pytest.raises(StageError, match="in time order"):
        parse_params(values)


def test_an_unknown_stage_is_refused_with_the_list_of_stages(values, tmp_path):
    with pytest.raises(StageError, match="train@CANDIDATE"):
        run_stage(tmp_path, parse_params(values), "nonsense")


def test_no_feature_is_a_forbidden_column():
    assert forbidden(FEATURES) == []


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_column_is_refused_by_name(name):
    assert name in forbidden([name])[0]
