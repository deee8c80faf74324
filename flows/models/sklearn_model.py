"""Models from scikit-learn: their pipelines, and their files."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from typing_extensions import TypedDict

from flows.errors import StageError
from flows.features.arrays import Floats
from flows.features.columns import CATEGORIES, FEATURES, forbidden_features
from flows.params import Hgb, Logistic
from flows.tables.feature_files import labels
from flows.tables.files import read_json, write_bytes, write_json

# Predictions are rounded to this many decimals: their last bits depend on the processor.
_DECIMALS = 6
# Coefficients too. The solver ends within about 1e-9 of the optimum on every kernel of OpenBLAS, so
# that the rounded coefficients are always equal.
_COEFFICIENT_DECIMALS = 4


class _Metadata(TypedDict):
    """The contents of model.json: the columns that the model reads, and the sha256 of model.pkl."""

    features: list[str]
    sha256: str


class SklearnModel:
    """A scikit-learn pipeline over named columns."""

    def __init__(self, pipeline: Pipeline, features: Sequence[str]) -> None:
        self.pipeline, self.features = pipeline, list(features)

    @classmethod
    def fit(cls, pipeline: Pipeline, table: pa.Table, features: Sequence[str]) -> SklearnModel:
        """Fit `pipeline` on the columns `features` of every row of `table`."""
        pipeline.fit(table.select(features).to_pandas(), labels(table, "fit"))
        _remove_machine_dependence(pipeline[-1])
        return cls(pipeline, features)

    @classmethod
    def load(cls, folder: Path) -> SklearnModel:
        """Load what `save` wrote, after a check of its sha256 and of its features."""
        metadata = read_json(folder / "model.json", _Metadata)
        content = (folder / "model.pkl").read_bytes()
        digest = sha256(content).hexdigest()
        if digest != metadata["sha256"]:
            problem = f"{folder}/model.pkl: sha256 is {digest}, model.json has {metadata['sha256']}"
            raise StageError([problem], "run `dvc checkout` or `dvc repro`")
        features = metadata["features"]
        problems = forbidden_features(features)
        problems += [f"column {c} is not a feature" for c in features if c not in FEATURES]
        pipeline: Pipeline = pickle.loads(content)  # noqa: S301  only what `save` wrote
        if list(pipeline.feature_names_in_) != features:
            problems.append("features are not those that the model was fitted on")
        if problems:
            fix = "train the model again"
            raise StageError([f"{folder}/model.json: {problem}" for problem in problems], fix)
        return cls(pipeline, features)

    def save(self, folder: Path) -> None:
        """Write model.pkl, which only later stages read, and its sha256; `export` writes ONNX."""
        content = _pickle(self.pipeline)
        metadata: _Metadata = {"features": self.features, "sha256": sha256(content).hexdigest()}
        write_bytes(folder / "model.pkl", content)
        write_json(folder / "model.json", metadata)

    def predict(self, table: pa.Table) -> Floats:
        """Return P(disrupted), shape (n_rows,)."""
        frame = table.select(self.features).to_pandas()
        probabilities: Floats = self.pipeline.predict_proba(frame)[:, 1].astype(np.float64)
        return np.round(probabilities, _DECIMALS)


def hgb_pipeline(features: Sequence[str], params: Hgb) -> Pipeline:
    """Return histogram gradient boosting, to be fitted."""
    codes = [c for c in features if c in CATEGORIES]
    # Not `categorical_features`: skl2onnx silently converts them to a model that predicts wrongly.
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    return make_pipeline(
        ColumnTransformer([("codes", encoder, codes)], remainder="passthrough"),
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


def logistic_pipeline(features: Sequence[str], params: Logistic) -> Pipeline:
    """Return logistic regression, to be fitted."""
    # Without dest, whose rates are features: its codes would add a hundred columns and no accuracy.
    codes = [c for c in features if c in CATEGORIES and c != "dest"]
    numbers = [c for c in features if c not in CATEGORIES]
    # Scaled first, so that the mean is 0: a missing number is replaced by the mean.
    scaler = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0.0))
    return make_pipeline(
        ColumnTransformer(
            [
                ("codes", OneHotEncoder(handle_unknown="ignore", sparse_output=False), codes),
                ("numbers", scaler, numbers),
            ]
        ),
        LogisticRegression(C=params.c, solver="newton-cholesky", tol=1e-8, max_iter=50),
    )


def _pickle(pipeline: Pipeline) -> bytes:
    """Pickle without back references: which equal strings are one object depends on the Python."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=5)
    pickler.fast = True
    pickler.dump(pipeline)
    return stream.getvalue()


def _remove_machine_dependence(
    classifier: HistGradientBoostingClassifier | LogisticRegression,
) -> None:
    """Remove from a fitted classifier what depends on the machine and not on the data."""
    if isinstance(classifier, LogisticRegression):
        classifier.coef_ = np.round(classifier.coef_, _COEFFICIENT_DECIMALS)
        classifier.intercept_ = np.round(classifier.intercept_, _COEFFICIENT_DECIMALS)
    else:
        classifier._bin_mapper.n_threads = None  # the number of threads of this machine
