"""Which results of a remote run belong to the stages here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.planning.left_out_results import find_incompatible

STAGE = Stage(
    "dvc.yaml",
    "both",
    cmd="true",
    params=(
        Params("p.yaml", "p.yaml", ("x",)),
        Params("./p.yaml", "p.yaml", ("y",), lock_path="p.yaml"),
    ),
)


class Reader:
    """A workspace with one file of parameters."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def dep(self, _dep: Dependency) -> Pointer | None:
        return None

    def out(self, _out: Output) -> Pointer | None:
        return None

    def values(self, params: Params) -> Mapping[str, Any]:
        return {name: self._values[name] for name in params.keys}

    def kept(self, _pointer: Pointer) -> bool:
        return True


def incompatible(recorded: Mapping[str, int], **values: Any) -> dict[str, tuple[str, ...]]:
    pipeline = pipeline_of([STAGE])
    entry = {"cmd": "true", "params": {"p.yaml": recorded}}
    results = {"both": Result("both", Outcome.RAN, entry)}
    return find_incompatible(pipeline, pipeline.positions, results, Reader(**values))


def test_parameters_of_a_file_in_another_spelling_are_current() -> None:
    assert incompatible({"x": 1, "y": 2}, x=1, y=2) == {}


def test_a_parameter_that_dvc_does_not_record_for_its_spelling_is_current() -> None:
    assert incompatible({"x": 1}, x=1, y=2) == {}


def test_a_parameter_that_is_new_is_named() -> None:
    assert incompatible({"y": 2}, x=1, y=2) == {"both": ("param p.yaml:x is new",)}


def test_parameters_that_differ_are_named() -> None:
    found = incompatible({"x": 1, "y": 2}, x=1, y=3)
    assert found == {"both": ("param ./p.yaml:y changed from 2 to 3",)}
