"""The engines that need no cluster, against the contract of engines."""

from __future__ import annotations

import pytest

from dvc_bridge.engines.registry import engine_names, engine_type
from dvc_bridge.errors import UsageError
from tests.engine_contract import EngineContract
from tests.support.paths import REPOSITORY

SUPPORT = REPOSITORY / "tests" / "support"


class TestProcesses(EngineContract):
    @pytest.fixture
    def engine(self) -> str:
        return "processes"


class TestExample(EngineContract):
    @pytest.fixture
    def engine(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.syspath_prepend(str(SUPPORT))
        return "script"


def test_engines_are_found_by_their_entry_points(monkeypatch: pytest.MonkeyPatch):
    assert {"argo", "processes"} <= set(engine_names())
    monkeypatch.syspath_prepend(str(SUPPORT))
    assert "script" in engine_names()
    assert engine_type("script").name == "script"


def test_an_engine_that_is_not_installed_is_refused_with_the_names_of_those_that_are():
    with pytest.raises(UsageError, match=r"no engine brew[\s\S]*argo, processes"):
        engine_type("brew")
