"""The check of parameter files for values that DVC cannot store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from dvc_bridge.dvcio.reading.params import check_types
from dvc_bridge.errors import UsageError


class Counted(list[int]):
    """A list that counts how often it is read."""

    reads = 0

    def __iter__(self) -> Iterator[int]:
        self.reads += 1
        return super().__iter__()


def test_a_value_with_many_aliases_is_checked_once() -> None:
    shared = Counted([1])
    value: Any = shared
    for _ in range(5):
        value = {"left": value, "right": [value]}
    check_types(value, "params.yaml")
    assert shared.reads == 1


def test_a_value_of_a_type_that_dvc_cannot_store_is_named() -> None:
    with pytest.raises(UsageError, match=r"params\.yaml: a\.1\.b is a date"):
        check_types({"a": [1, {"b": date(2026, 1, 1)}]}, "params.yaml")


def test_a_value_that_contains_itself_is_named() -> None:
    value: dict[str, Any] = {"a": {}}
    value["a"]["b"] = value
    with pytest.raises(UsageError, match=r"a\.b contains itself"):
        check_types(value, "params.yaml")
