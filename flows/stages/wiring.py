"""What a stage reads by its parameters against the deps that dvc.yaml names for it.

DVC cannot make a list of deps out of a list of parameters. A dep that is not named goes stale
without a word: DVC does not see it change.
"""

from __future__ import annotations

from pathlib import Path

from .errors import StageError
from .params import Params, parse_yaml


def check_deps(root: Path, stage: str, params: Params) -> None:
    """Hold that dvc.yaml, if `root` has one, names as deps all the outs that `stage` is to read.

    Raises
    ------
    StageError
        It does not, or it is not YAML.
    """
    read = {
        "evaluate": [f"data/backtest/{month}.parquet" for month in params.backtest.months],
        "select": [f"models/candidates/{name}" for name in params.candidates],
    }
    file = root / "dvc.yaml"
    if stage not in read or not file.exists():
        return
    stages = parse_yaml(file.read_bytes(), file.name).get("stages") or {}
    named = (stages.get(stage) or {}).get("deps") or []
    problems = [
        f"dvc.yaml: stage {stage} has no dep {path}, which params.yaml asks for"
        for path in read[stage]
        if path not in named
    ]
    if problems:
        raise StageError(problems, "add it to the stage's deps in dvc.yaml")
