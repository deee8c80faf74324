"""Check that dvc.yaml names as deps all outs that a stage reads because of its parameters.

DVC cannot derive a list of deps from a list of parameters. A dep that dvc.yaml does not name
becomes stale silently: DVC does not notice that it changes.
"""

from __future__ import annotations

from pathlib import Path

from .errors import StageError
from .params import Params, parse_yaml


def check_deps(root: Path, stage: str, params: Params) -> None:
    """Check the deps of `stage` in `root`/dvc.yaml, if that file exists.

    Raises
    ------
    StageError
        A dep is missing, or dvc.yaml is not YAML.
    """
    required_deps = {
        "evaluate": [f"data/backtest/{month}.parquet" for month in params.backtest.months],
        "select": [f"models/candidates/{name}" for name in params.candidates],
    }
    file = root / "dvc.yaml"
    if stage not in required_deps or not file.exists():
        return
    stages = parse_yaml(file.read_bytes(), file.name).get("stages") or {}
    deps = (stages.get(stage) or {}).get("deps") or []
    problems = [
        f"dvc.yaml: stage {stage} has no dep {path}, which params.yaml requires"
        for path in required_deps[stage]
        if path not in deps
    ]
    if problems:
        raise StageError(problems, "add it to the stage's deps in dvc.yaml")
