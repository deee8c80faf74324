"""dvc.yaml, params.yaml and the code are consistent."""

import ast
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.params import Params
from flows.stages.evaluate import evaluate
from flows.stages.export import export
from tests.support.commands import bridge

ROOT = Path(__file__).parents[2]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def import_closure(path: str) -> set[str]:
    """Return `path` and the modules of flows/ that it imports, directly and indirectly."""
    closure: set[str] = set()
    remaining = {path}
    while remaining:
        path = remaining.pop()
        closure.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.ImportFrom):
                package = Path(path).parents[node.level - 1] if node.level else Path()
                module = package.joinpath(*(node.module or "").split("."))
                paths = [module.with_suffix(".py"), *(module / f"{a.name}.py" for a in node.names)]
                imported = {str(p) for p in paths if p.parts[0] == "flows" and (ROOT / p).exists()}
                remaining |= imported - closure
    return closure


def test_the_committed_dvc_lock_is_that_of_the_code_and_params(tmp_path: Path) -> None:
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, root], check=True)
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "flows", root / "flows", dirs_exist_ok=True)
    # The clone has no data, so only code, params and commands can differ.
    bridge(root, "plan", "--allow-missing", "--check")


@pytest.mark.parametrize("stage", DVC)
def test_the_code_deps_of_a_stage_are_the_modules_that_it_imports(stage: str) -> None:
    deps = DVC[stage].get("do", DVC[stage])["deps"]
    code = {dep for dep in deps if dep.startswith("flows/")}
    assert code == import_closure(f"flows/stages/{stage}.py")


def test_the_backtest_months_of_evaluate_are_those_of_params() -> None:
    files = [d for d in DVC["evaluate"]["deps"] if d.startswith("data/backtest/")]
    assert files == [f"data/backtest/{month}.parquet" for month in PARAMS["backtest"]["months"]]


def test_select_depends_on_every_candidate() -> None:
    folders = [d for d in DVC["select"]["deps"] if d.startswith("models/")]
    assert folders == [f"models/candidates/{name}" for name in sorted(PARAMS["candidates"])]


class ParamsRecorder:
    """Parameters that add to `reads` the dotted name of each parameter that is read.

    Names are as in dvc.yaml, which gives `names`: a section, or a parameter of a section.
    """

    def __init__(self, params: Any, names: Sequence[str], reads: set[str], path: str = "") -> None:
        self.params, self.names, self.reads, self.path = params, names, reads, path

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self.params, name), f"{self.path}{name}"
        if any(other.startswith(f"{path}.") for other in self.names):
            return ParamsRecorder(value, self.names, self.reads, f"{path}.")
        self.reads.add(path)
        return value


@pytest.mark.parametrize(("stage", "function"), [("evaluate", evaluate), ("export", export)])
def test_a_stage_that_is_given_all_parameters_uses_those_that_dvc_yaml_names(
    model_root: Path, easy_gate: Params, stage: str, function: Any
) -> None:
    evaluate(model_root, easy_gate)
    names, reads = DVC[stage]["params"], set[str]()
    function(model_root, ParamsRecorder(easy_gate, names, reads))
    assert reads == set(names)
