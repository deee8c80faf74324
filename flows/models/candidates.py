"""The candidates: fit one by its name, and load a model that a stage saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from flows.errors import StageError
from flows.features.arrays import Floats
from flows.features.columns import FEATURES, forbidden_features
from flows.params import Candidate, Models

from . import rate_table
from .rate_table import RateTable
from .sklearn_model import SklearnModel, hgb_pipeline, logistic_pipeline


class Model(Protocol):
    """A fitted model."""

    def predict(self, table: pa.Table) -> Floats:
        """Return P(disrupted) of each row of `table`, shape (n_rows,), to six decimals."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; equal models result in equal bytes."""
        ...


def fit(
    name: Candidate, table: pa.Table, params: Models, features: Sequence[str] = FEATURES
) -> Model:
    """Fit a candidate on every row of `table`.

    Parameters
    ----------
    table : Table
        Rows as `featurize` writes them.
    features : sequence of str
        The columns to learn from.

    Raises
    ------
    StageError
        One of `features` is known only after the prediction.
    """
    if problems := forbidden_features(features):
        raise StageError(problems, "use only what is known two hours before departure")
    if name == "rate_table":
        return RateTable.fit(table, params.rate_table.prior_flights)
    if name == "hgb":
        pipeline = hgb_pipeline(features, params.hgb)
    else:
        pipeline = logistic_pipeline(features, params.logistic)
    return SklearnModel.fit(pipeline, table, features)


def load(folder: Path) -> Model:
    """Load a model that `save` wrote. It may be a pickle: load only this pipeline's own outs.

    Raises
    ------
    StageError
        A file of the model is damaged, or the model reads a column that must not be a feature.
    """
    if (folder / rate_table.FILE).exists():
        return RateTable.load(folder)
    return SklearnModel.load(folder)
