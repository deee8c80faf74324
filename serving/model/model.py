"""A verified bundle as something that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from flows.stages.columns import CATEGORIES, FEATURES, NUMBERS
from flows.stages.known import KNOWN, Float32s
from serving.errors import BundleError
from serving.model.bundle_reader import Bundle, read_bundle
from serving.model.metadata import Description, Golden

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.object_]

# onnxruntime on another processor differs in the last bits, a wrong model by more.
_MAX_DIFFERENCE = 1e-5
# Probabilities are given to seven decimals.
_STEPS = 1e7


class Engine(Protocol):
    """What computes probabilities."""

    def __call__(self, codes: Codes, numbers: Float32s) -> Floats:
        """Give P(disrupted), shape (n,), of codes (n, 3) and number features (n, 32)."""
        ...


class Model:
    """An engine with what describes it; never changed, only replaced."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.bundle, self.engine = bundle, engine
        self.description: Description = bundle.description
        self.name, self.version = bundle.description.name, bundle.version

    def predict(self, codes: Codes, numbers: Float32s) -> Floats:
        """Give P(disrupted) to seven decimals, shape (n,)."""
        # What ndarray.round does, in a third of its time for one row.
        found: Floats = np.rint(self.engine(codes, numbers) * _STEPS) / _STEPS
        return found

    def labels(self, probabilities: Sequence[float]) -> list[str]:
        """Name each probability's class."""
        no, yes = self.description.labels
        threshold = self.description.threshold
        return [yes if p >= threshold else no for p in probabilities]


class OnnxEngine:
    """onnxruntime with one thread: more threads cost CPU on a model this small."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The arena keeps the largest batch of its life; without it a run costs the same.
        options.enable_cpu_mem_arena = False
        self.session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, codes: Codes, numbers: Float32s) -> Floats:
        """Run the model."""
        result = self.session.run(["probabilities"], {"codes": codes, "numbers": numbers})
        found: Floats = result[0][:, 1].astype(np.float64)
        return found


def load_model(folder: Path) -> Model:
    """Read, verify, load and warm the bundle in `folder`.

    Raises
    ------
    BundleError
        The bundle is refused, does not fit this server's features, or gives other probabilities
        than it gave when it was exported.
    """
    bundle = read_bundle(folder)
    if problems := _schema_problems(bundle.description):
        fix = "serve it with the release that exported it, or export it anew: dvc repro export"
        raise BundleError(folder, problems, fix)
    try:
        engine = OnnxEngine(bundle.model)
        inputs = {i.name: (i.type, i.shape[-1]) for i in engine.session.get_inputs()}
    except Exception as error:
        raise BundleError(
            folder, [f"model.onnx does not load: {error}"], "export it anew"
        ) from None
    wanted = {
        "codes": ("tensor(string)", len(CATEGORIES)),
        "numbers": ("tensor(float)", len(NUMBERS)),
    }
    if inputs != wanted:
        problem = f"model.onnx takes {inputs}, the features are {wanted}"
        raise BundleError(folder, [problem], "export it anew: dvc repro export")
    model = Model(bundle, engine)
    _warm(folder, model)
    return model


def _schema_problems(description: Description) -> list[str]:
    here = [*CATEGORIES, "departure", "arrival", *KNOWN]
    inputs = [i.name for i in description.inputs]
    found = []
    if description.features != list(FEATURES):
        found.append(
            f"features differ from this server's: {_differing(description.features, FEATURES)}"
        )
    if inputs != here:
        found.append(f"inputs differ from this server's: {_differing(inputs, here)}")
    if set(description.reference) != {*FEATURES, "probability"}:
        found.append("the reference histograms are not those of the features")
    if len(description.labels) != 2:  # no, yes
        found.append(f"labels {description.labels} are not two")
    return found


def _differing(theirs: Sequence[str], ours: Sequence[str]) -> str:
    return ", ".join(sorted(set(theirs) ^ set(ours))) or "in their order"


def _warm(folder: Path, model: Model) -> None:
    golden = model.description.golden
    try:
        difference = np.abs(model.predict(*golden_rows(golden)) - np.array(golden.probabilities))
    except Exception as error:
        raise BundleError(folder, [f"the warm-up fails: {error}"], "export it anew") from None
    if not difference.max() <= _MAX_DIFFERENCE:
        problem = f"the warm-up differs by {difference.max():.2g} from what was exported"
        raise BundleError(folder, [problem], "use the onnxruntime of requirements.lock")


def golden_rows(golden: Golden) -> tuple[Codes, Float32s]:
    """Give the golden rows as the engine takes them."""
    codes = np.array([golden.features[c] for c in CATEGORIES], dtype=object).T
    numbers = np.array([golden.features[c] for c in NUMBERS], dtype=np.float32).T
    return codes, np.ascontiguousarray(numbers)
