"""dvc.yaml, params.yaml and the code say the same."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.stages.evaluate import evaluate
from flows.stages.export import export

ROOT = Path(__file__).parents[2]
STAGES = ROOT / "flows" / "stages"
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def imported(module: str) -> set[str]:
    """Give the modules of flows/stages that `module` imports, itself and through others."""
    seen: set[str] = set()
    todo = {module}
    while todo:
        name = todo.pop()
        seen.add(name)
        for node in ast.walk(ast.parse((STAGES / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                found = [node.module] if node.module else [alias.name for alias in node.names]
                todo |= set(found) - seen
    return seen


@pytest.mark.parametrize("stage", DVC)
def test_the_code_deps_of_a_stage_are_the_modules_that_it_imports(stage):
    deps = DVC[stage].get("do", DVC[stage])["deps"]
    code = {Path(dep).stem for dep in deps if dep.startswith("flows/")}
    assert code == imported(stage)


def test_the_backtest_months_of_evaluate_are_those_of_params():
    files = [d for d in DVC["evaluate"]["deps"] if d.startswith("data/backtest/")]
    assert files == [f"data/backtest/{month}.parquet" for month in PARAMS["backtest"]["months"]]


def test_select_depends_on_every_candidate():
    found = [d for d in DVC["select"]["deps"] if d.startswith("models/")]
    assert found == [f"models/candidates/{name}" for name in sorted(PARAMS["candidates"])]


class Watched:
    """Parameters that remember which of those that dvc.yaml names were asked for, and others."""

    def __init__(self, params: Any, named: Sequence[str], seen: set[str], path: str = "") -> None:
        self.params, self.named, self.seen, self.path = params, named, seen, path

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self.params, name), f"{self.path}{name}"
        if any(other.startswith(f"{path}.") for other in self.named):
            return Watched(value, self.named, self.seen, f"{path}.")
        self.seen.add(path)
        return value


@pytest.mark.parametrize(("stage", "function"), [("evaluate", evaluate), ("export", export)])
def test_a_stage_that_is_given_all_parameters_uses_those_that_dvc_yaml_names(
    model_root, easy_gate, stage, function
):
    evaluate(model_root, easy_gate)
    named, seen = DVC[stage]["params"], set()
    function(model_root, Watched(easy_gate, named, seen))
    assert seen == set(named)
