"""The model of a verified bundle: it predicts probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from flows.features.arrays import Float32s
from flows.features.columns import CATEGORIES, FEATURES, NUMBERS
from flows.features.known_inputs import KNOWN
from serving.errors import BundleError
from serving.model.arrays import Codes
from serving.model.bundle_reader import Bundle, read_bundle
from serving.model.golden_rows import EXPORT_AGAIN, check_golden_rows
from serving.model.metadata import ModelMetadata

Floats = npt.NDArray[np.float64]

# Probabilities have seven decimals.
_STEPS = 1e7


class Classifier(Protocol):
    """Computes probabilities from features."""

    def __call__(self, codes: Codes, numbers: Float32s) -> Floats:
        """Return P(disrupted), shape (n,), for codes (n, 3) and number features (n, 32)."""
        ...


class Model:
    """A classifier with its bundle. Immutable: a reload replaces it."""

    def __init__(self, bundle: Bundle, classifier: Classifier) -> None:
        self.bundle, self.classifier = bundle, classifier
        self.metadata: ModelMetadata = bundle.metadata
        self.name, self.version = bundle.metadata.name, bundle.version

    def predict(self, codes: Codes, numbers: Float32s) -> Floats:
        """Return P(disrupted) to seven decimals, shape (n,)."""
        # Like ndarray.round, in a third of its time for one row.
        rounded: Floats = np.rint(self.classifier(codes, numbers) * _STEPS) / _STEPS
        return rounded

    def labels(self, probabilities: Sequence[float]) -> list[str]:
        """Return the label of each probability."""
        no, yes = self.metadata.labels
        threshold = self.metadata.threshold
        return [yes if p >= threshold else no for p in probabilities]


class OnnxClassifier:
    """onnxruntime with one thread: more threads cost CPU with a model this small."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The arena keeps the memory of the largest_codes batch; without it a run costs the same.
        options.enable_cpu_mem_arena = False
        self.session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, codes: Codes, numbers: Float32s) -> Floats:
        """Run the model."""
        result = self.session.run(["probabilities"], {"codes": codes, "numbers": numbers})
        probabilities: Floats = result[0][:, 1].astype(np.float64)
        return probabilities


def load_model(folder: Path) -> Model:
    """Read, verify, load and warm up the bundle in `folder`.

    Raises
    ------
    BundleError
        The bundle is refused, its features differ from this server's, or it predicts other
        probabilities than when it was exported.
    """
    bundle = read_bundle(folder)
    if problems := _schema_problems(bundle.metadata):
        fix = f"serve it with the release that exported it, or {EXPORT_AGAIN}"
        raise BundleError(folder, problems, fix)
    try:
        classifier = OnnxClassifier(bundle.model)
        inputs = {i.name: (i.type, i.shape[-1]) for i in classifier.session.get_inputs()}
    except Exception as error:
        problem = f"model.onnx does not load: {error}"
        raise BundleError(folder, [problem], EXPORT_AGAIN) from None
    expected = {
        "codes": ("tensor(string)", len(CATEGORIES)),
        "numbers": ("tensor(float)", len(NUMBERS)),
    }
    if inputs != expected:
        problem = f"model.onnx has the inputs {inputs}, but the features are {expected}"
        raise BundleError(folder, [problem], EXPORT_AGAIN)
    model = Model(bundle, classifier)
    check_golden_rows(folder, model.predict, model.metadata.golden)
    return model


def _schema_problems(metadata: ModelMetadata) -> list[str]:
    server_inputs = [*CATEGORIES, "departure", "arrival", *KNOWN]
    inputs = [i.name for i in metadata.inputs]
    problems = []
    if metadata.features != list(FEATURES):
        problems.append(
            f"features differ from this server's: {_difference(metadata.features, FEATURES)}"
        )
    if inputs != server_inputs:
        problems.append(f"inputs differ from this server's: {_difference(inputs, server_inputs)}")
    if set(metadata.reference) != {*FEATURES, "probability"}:
        problems.append("the reference histograms are not for the features")
    if len(metadata.labels) != 2:  # no, yes
        problems.append(f"there must be two labels, not {metadata.labels}")
    return problems


def _difference(theirs: Sequence[str], ours: Sequence[str]) -> str:
    return ", ".join(sorted(set(theirs) ^ set(ours))) or "the order"
