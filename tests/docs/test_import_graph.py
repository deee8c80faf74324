"""The picture of the imports shows the direct arrows alone, and refuses circles."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from graphlib import CycleError
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def tool() -> ModuleType:
    path = REPOSITORY / "docs" / "tools" / "import_graph.py"
    spec = importlib.util.spec_from_file_location("import_graph", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_the_code() -> None:
    command = [sys.executable, "docs/tools/import_graph.py", "--check"]
    checked = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_an_arrow_that_follows_from_others_is_left_out(tool: ModuleType) -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert tool.reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_an_arrow_over_several_rows_bends_in_each_of_them(tool: ModuleType) -> None:
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}
    arrows = tool.paths(graph, tool.heights(graph))
    assert ["a", "a>d@1", "d"] in arrows


def test_a_circle_of_folders_is_refused(tool: ModuleType) -> None:
    with pytest.raises(CycleError):
        tool.picture({"a": {"b"}, "b": {"a"}}, {"a": 1, "b": 1})
