"""Our server with scikit-learn instead of onnxruntime, for a comparison of the two."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import serving.lifecycle
from flows.features.arrays import Float32s
from flows.features.columns import CATEGORIES, NUMBERS
from flows.models.candidates import load
from flows.models.sklearn_model import SklearnModel
from serving.model.arrays import Codes
from serving.model.bundle_reader import read_bundle
from serving.model.model import Floats, Model
from serving.settings import read_settings


class SklearnClassifier:
    """The pipeline in models/selected."""

    def __init__(self, folder: Path) -> None:
        model = load(folder)
        if not isinstance(model, SklearnModel):
            raise SystemExit("the selected model is the rate table")
        self.pipeline, self.features = model.pipeline, model.features

    def __call__(self, codes: Codes, numbers: Float32s) -> Floats:
        """Predict from a DataFrame: the pipeline selects columns by name."""
        columns = dict(zip(CATEGORIES, codes.T, strict=True))
        columns |= dict(zip(NUMBERS, numbers.T, strict=True))
        frame = pd.DataFrame(columns)[self.features]
        return np.asarray(self.pipeline.predict_proba(frame)[:, 1], np.float64)


def main() -> int:
    """Run the server."""
    classifier = SklearnClassifier(Path("models/selected"))
    serving.lifecycle.load_model = lambda folder: Model(  # type: ignore[attr-defined]
        read_bundle(folder), classifier
    )
    server = serving.lifecycle.Server(read_settings(os.environ))
    server.run()
    return 2 if server.failed else 0


if __name__ == "__main__":
    sys.exit(main())
