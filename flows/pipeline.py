"""The table of stages; `python -m flows` and `flows/train.py` both run a stage through it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from errno import EACCES, EDQUOT, ENOENT, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any, NamedTuple

from .errors import StageError
from .params import Params


class _Stage(NamedTuple):
    """How a stage is called.

    `arguments` are those of the stage's function after `root`. A stage with `items` runs once per
    item, as `train@hgb`: then the first argument is the item.
    """

    arguments: Callable[[Params], tuple[Any, ...]]
    item_kind: str = ""
    items: Callable[[Params], Sequence[str]] | None = None

    def usage(self, name: str) -> str:
        """Return how to write the stage's name."""
        return f"{name}@{self.item_kind.upper()}" if self.items else name


# Each is `flows.stages.NAME.NAME`.
STAGES = {
    "ingest": _Stage(lambda params: (params.ingest,)),
    "featurize": _Stage(lambda params: (params.features,)),
    "train": _Stage(
        lambda params: (params.windows, params.models),
        "candidate",
        lambda params: params.candidates,
    ),
    "select": _Stage(lambda params: (params.candidates,)),
    "backtest": _Stage(
        lambda params: (params.candidates, params.models),
        "month",
        lambda params: params.backtest.months,
    ),
    "evaluate": _Stage(lambda params: (params,)),
    "export": _Stage(lambda params: (params,)),
}

_FREE_SPACE = "free disk space, then run the stage again"
_GRANT_ACCESS = "grant this user write permission there, then run the stage again"
_FIXES = {
    EACCES: _GRANT_ACCESS,
    EDQUOT: _FREE_SPACE,
    ENOENT: "create it with `dvc repro` or restore it with `dvc checkout`;"
    " check that it is a dep in dvc.yaml",
    ENOSPC: _FREE_SPACE,
    EPERM: _GRANT_ACCESS,
    EROFS: _GRANT_ACCESS,
}


def run_stage(root: Path, params: Params, address: str) -> None:
    """Run one stage.

    Parameters
    ----------
    root : Path
        The folder that contains data/ and models/.
    params : Params
        The contents of params.yaml.
    address : str
        The stage's name in dvc.yaml: `featurize`, `train@hgb`, `backtest@2013-07`.

    Raises
    ------
    StageError
        The stage does not exist, its input is wrong, or a system call on a file fails. The error
        contains `address`, and paths relative to `root`.
    """
    try:
        _run(root, params, address)
    except StageError as error:
        error.stage, error.fix = address, _relative(error.fix, root)
        error.problems = [_relative(problem, root) for problem in error.problems]
        raise
    except OSError as error:
        problem = f"{_relative(str(error.filename), root)}: {error.strerror or error}"
        raise StageError([problem], _FIXES.get(error.errno or 0, ""), address) from error


def _relative(text: str, root: Path) -> str:
    return text.replace(f"{root}/", "")


def _run(root: Path, params: Params, address: str) -> None:
    name, separator, item = address.partition("@")
    stage = STAGES.get(name)
    if stage is None or bool(separator) != bool(stage.items):
        usages = ", ".join(other.usage(n) for n, other in STAGES.items())
        raise StageError(["unknown stage"], f"use one of {usages}")
    arguments = stage.arguments(params)
    if stage.items:
        items = stage.items(params)
        if item not in items:
            problem = f"{stage.item_kind} {item} is not in params.yaml"
            raise StageError([problem], f"use one of {items}")
        arguments = (item, *arguments)
    # Imported late: ingest needs no scikit-learn, which takes longer to import than ingest to run.
    function = getattr(importlib.import_module(f".stages.{name}", __package__), name)
    function(root, *arguments)
