"""The texts of reasons."""

from __future__ import annotations

from dvc_bridge.planning.changes import Change


def test_a_group_of_parameters_names_those_that_differ() -> None:
    old = {"hgb": {"rate": 0.1, "leaves": 20, "gone": 1}, "same": [1, 2]}
    new = {"hgb": {"rate": 0.2, "leaves": 20, "new": 1}, "same": (1, 2)}
    assert str(Change("param", "params.yaml:models", old, new)) == (
        "param params.yaml:models changed: hgb.rate from 0.1 to 0.2, hgb.gone is gone, hgb.new is"
        " new"
    )
    five = {str(n): 1 for n in range(5)}
    changed = str(Change("param", "p:x", five, dict.fromkeys(five, 2)))
    assert changed.endswith(", 2 from 1 to 2 and 2 more")
