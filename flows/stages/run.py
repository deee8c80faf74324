"""One door to every stage: `dvc.yaml` and `flows/train.py` both come in here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from errno import EACCES, EDQUOT, ENOENT, ENOSPC, EPERM, EROFS
from pathlib import Path

from .errors import StageError
from .params import Params

STAGES = ("ingest", "featurize", "train", "select", "evaluate", "backtest", "export")
_EACH = {"train": "candidate", "backtest": "month"}
_ROOM = "make room, then run again"
_RIGHTS = "let this user write there, then run again"
_FIX = {
    EACCES: _RIGHTS,
    EDQUOT: _ROOM,
    ENOENT: "dvc repro makes it, dvc checkout restores it; is it a dep in dvc.yaml?",
    ENOSPC: _ROOM,
    EPERM: _RIGHTS,
    EROFS: _RIGHTS,
}


def run_stage(root: Path, params: Params, name: str) -> None:
    """Run the stage `name`, as DVC calls it: `featurize`, `train@hgb`, `backtest@2013-07`.

    Parameters
    ----------
    root : Path
        The folder that holds data/ and models/.

    Raises
    ------
    StageError
        No such stage, or the stage refuses its input, or the system a file: with `name`, and with
        paths as they are in `root`.
    """
    try:
        _run(root, params, name)
    except StageError as error:
        error.stage, error.fix = name, _short(error.fix, root)
        error.problems = [_short(problem, root) for problem in error.problems]
        raise
    except OSError as error:
        problem = f"{_short(str(error.filename), root)}: {error.strerror or error}"
        raise StageError([problem], _FIX.get(error.errno or 0, ""), name) from error


def _short(text: str, root: Path) -> str:
    return text.replace(f"{root}/", "")


def _run(root: Path, params: Params, name: str) -> None:
    stage, at, item = name.partition("@")
    if stage not in STAGES or bool(at) != (stage in _EACH):
        known = ", ".join(s + (f"@{_EACH[s].upper()}" if s in _EACH else "") for s in STAGES)
        raise StageError(["there is no such stage"], f"one of {known}")
    items: dict[str, Sequence[str]] = {
        "train": params.candidates,
        "backtest": params.backtest.months,
    }
    if stage in items and item not in items[stage]:
        raise StageError([f"{_EACH[stage]} {item} is not in params.yaml"], f"one of {items[stage]}")
    # Imported late: ingest needs no scikit-learn, which takes longer to import than ingest to run.
    function = getattr(importlib.import_module(f".{stage}", __package__), stage)
    arguments = {
        "ingest": (params.ingest,),
        "featurize": (params.features,),
        "train": (item, params.windows, params.models),
        "select": (params.candidates,),
        "evaluate": (params,),
        "backtest": (item, params.candidates, params.models),
        "export": (params,),
    }
    function(root, *arguments[stage])
