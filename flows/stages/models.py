"""The candidates: what each is, how it is fitted, and how it predicts."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from typing_extensions import TypedDict

from . import rate_table
from .asof import Floats
from .columns import CATEGORIES, FEATURES, forbidden
from .errors import StageError
from .files import read_json, write_bytes, write_json
from .months import labels
from .params import Candidate, Hgb, Logistic, Models

# Probabilities are kept to this many decimals: the last bits depend on the processor.
_DECIMALS = 6
# Coefficients too. The solver ends within about 1e-9 of the optimum on every kernel of OpenBLAS, so
# all of them round to the same number.
_COEFFICIENT_DECIMALS = 4


class _Seal(TypedDict):
    """model.json: the columns that the model reads, and the sha256 of model.pkl."""

    features: list[str]
    sha256: str


class Model(Protocol):
    """Something fitted that predicts."""

    def predict(self, table: pa.Table) -> Floats:
        """Give P(disrupted) of each row of `table`, shape (n_rows,), to six decimals."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; equal models give equal bytes."""
        ...


class SklearnModel:
    """A scikit-learn pipeline over named columns."""

    def __init__(self, pipeline: Pipeline, features: Sequence[str]) -> None:
        self.pipeline, self.features = pipeline, list(features)

    def predict(self, table: pa.Table) -> Floats:
        """Give P(disrupted), shape (n_rows,)."""
        frame = table.select(self.features).to_pandas()
        predicted: Floats = self.pipeline.predict_proba(frame)[:, 1].astype(np.float64)
        return np.round(predicted, _DECIMALS)

    def save(self, folder: Path) -> None:
        """Write model.pkl, for the next stages only, and its sha256; what leaves here is ONNX."""
        content = _pickled(self.pipeline)
        seal: _Seal = {"features": self.features, "sha256": sha256(content).hexdigest()}
        write_bytes(folder / "model.pkl", content)
        write_json(folder / "model.json", seal)


def fit(
    name: Candidate, table: pa.Table, params: Models, features: Sequence[str] = FEATURES
) -> Model:
    """Fit the candidate `name` on every row of `table`.

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
    if wrong := forbidden(features):
        raise StageError(wrong, "predict from what is known two hours before departure")
    if name == "rate_table":
        return rate_table.RateTable.fit(table, params.rate_table.prior_flights)
    pipeline = _hgb(features, params.hgb) if name == "hgb" else _logistic(features, params.logistic)
    pipeline.fit(table.select(features).to_pandas(), labels(table, "fit"))
    _forget_machine(pipeline[-1])
    return SklearnModel(pipeline, features)


def load(folder: Path) -> Model:
    """Read a model that `save` wrote; only from this pipeline's own outputs, since it unpickles.

    Raises
    ------
    StageError
        A file of the model is damaged, or it asks for a column that may not be a feature.
    """
    if (folder / rate_table.FILE).exists():
        return rate_table.RateTable.load(folder)
    seal = read_json(folder / "model.json", _Seal)
    content = (folder / "model.pkl").read_bytes()
    found = sha256(content).hexdigest()
    if found != seal["sha256"]:
        problem = f"{folder}/model.pkl: sha256 is {found}, model.json says {seal['sha256']}"
        raise StageError([problem], "dvc checkout, or dvc repro")
    problems = forbidden(seal["features"])
    problems += [f"column {c} is no feature" for c in seal["features"] if c not in FEATURES]
    pipeline: Pipeline = pickle.loads(content)  # noqa: S301 - the bytes of `save`
    if list(pipeline.feature_names_in_) != seal["features"]:
        problems.append("features are not those that the model was fitted on")
    if problems:
        raise StageError([f"{folder}/model.json: {p}" for p in problems], "train the model anew")
    return SklearnModel(pipeline, seal["features"])


def _hgb(features: Sequence[str], params: Hgb) -> Pipeline:
    codes = [c for c in features if c in CATEGORIES]
    # Not `categorical_features`: skl2onnx converts them without a word into wrong predictions.
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    return make_pipeline(
        ColumnTransformer([("codes", encode, codes)], remainder="passthrough"),
        HistGradientBoostingClassifier(
            max_iter=params.iterations,
            learning_rate=params.learning_rate,
            max_leaf_nodes=params.leaves,
            max_bins=params.bins,
            min_samples_leaf=params.min_leaf_flights,
            l2_regularization=params.l2,
            max_features=params.feature_share,
            early_stopping=False,
            random_state=params.seed,
        ),
    )


def _logistic(features: Sequence[str], params: Logistic) -> Pipeline:
    # The destination is left to its rates: a hundred more columns, nothing gained.
    codes = [c for c in features if c in CATEGORIES and c != "dest"]
    numbers = [c for c in features if c not in CATEGORIES]
    # Scaled first, so that 0 is the mean: what is missing counts as the mean.
    scaled = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0))
    return make_pipeline(
        ColumnTransformer(
            [
                ("codes", OneHotEncoder(handle_unknown="ignore", sparse_output=False), codes),
                ("numbers", scaled, numbers),
            ]
        ),
        LogisticRegression(C=params.c, solver="newton-cholesky", tol=1e-8, max_iter=50),
    )


def _pickled(pipeline: Pipeline) -> bytes:
    """Pickle without references back: which equal strings are one object is up to the Python."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=5)
    pickler.fast = True
    pickler.dump(pipeline)
    return stream.getvalue()


def _forget_machine(classifier: HistGradientBoostingClassifier | LogisticRegression) -> None:
    """Take out of a fitted classifier what depends on the machine and not on the data."""
    if isinstance(classifier, LogisticRegression):
        classifier.coef_ = np.round(classifier.coef_, _COEFFICIENT_DECIMALS)
        classifier.intercept_ = np.round(classifier.intercept_, _COEFFICIENT_DECIMALS)
    else:
        classifier._bin_mapper.n_threads = None  # the number of threads it was fitted with
