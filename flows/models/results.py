"""Types of the JSON files that stages pass to each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from flows.params import Candidate
from flows.tables.files import read_json

_Share = Annotated[float, Field(ge=0, le=1)]
_closed = with_config(ConfigDict(extra="forbid"))
_Loss = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@_closed
class Scores(TypedDict):
    """The scores of predictions; `_low` and `_high` are the ends of a 95 % interval."""

    auc: _Share
    log_loss: _Loss
    pr_auc: _Share
    brier: _Share
    ece: _Share
    base_rate: _Share
    n: Annotated[int, Field(ge=1)]
    auc_low: NotRequired[_Share]
    auc_high: NotRequired[_Share]
    log_loss_low: NotRequired[_Loss]
    log_loss_high: NotRequired[_Loss]


@_closed
class Selection(TypedDict):
    """selection.json: the best candidate, and the scores of all on the validation months."""

    selected: Candidate
    valid: dict[Candidate, Scores]


@_closed
class Metrics(TypedDict):
    """metrics.json: scores of the selected model and of the rate table, its baseline."""

    selected: Candidate
    test: Scores
    test_baseline: Scores
    test_late15_operated: Scores
    backtest: Scores
    backtest_baseline: Scores


def read_selected(root: Path) -> Candidate:
    """Return the name of the candidate in models/selected."""
    return read_json(root / "models" / "selected" / "selection.json", Selection)["selected"]
