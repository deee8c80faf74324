"""The golden rows of a bundle: their predictions must be those of the export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flows.features.arrays import Float32s
from flows.features.columns import CATEGORIES, NUMBERS
from serving.errors import BundleError
from serving.model.arrays import Codes
from serving.model.metadata import GoldenRows

EXPORT_AGAIN = "export it again: dvc repro export"
# onnxruntime on another processor differs in the last bits; a wrong model differs by more.
_MAX_DIFFERENCE = 1e-5

Predict = Callable[[Codes, Float32s], npt.NDArray[np.float64]]


def check_golden_rows(folder: Path, predict: Predict, golden: GoldenRows) -> None:
    """Predict the golden rows, which also warms the model up: the first prediction is slow.

    Raises
    ------
    BundleError
        A probability differs from the exported one.
    """
    try:
        difference = np.abs(predict(*_arrays(golden)) - np.array(golden.probabilities))
    except Exception as error:
        raise BundleError(folder, [f"the warm-up fails: {error}"], EXPORT_AGAIN) from None
    if not difference.max() <= _MAX_DIFFERENCE:
        problem = f"the warm-up differs by {difference.max():.2g} from the exported probabilities"
        raise BundleError(folder, [problem], "use the onnxruntime of requirements.lock")


def _arrays(golden: GoldenRows) -> tuple[Codes, Float32s]:
    """Return the golden rows as the classifier takes them."""
    codes = np.array([golden.features[c] for c in CATEGORIES], dtype=object).T
    numbers = np.array([golden.features[c] for c in NUMBERS], dtype=np.float32).T
    return codes, np.ascontiguousarray(numbers)
