"""Files do not depend on threads, hash seed and the processor's instruction set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flows.models.candidates import fit, load
from flows.models.sklearn_model import SklearnModel
from flows.params import Params
from flows.tables.feature_files import read_months
from tests.conftest import REPOSITORY

# One without AVX2 and what came after it, as far as settings of numpy, glibc and OpenBLAS allow.
_OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    "OPENBLAS_CORETYPE": "Sandybridge",
}
_ONNX = """
import hashlib, sys
from pathlib import Path
from flows.models.candidates import load
from flows.models.onnx_model import to_onnx
print(hashlib.sha256(to_onnx(load(Path(sys.argv[1])))).hexdigest())
"""


def run_python(root: Path, *arguments: str, **env: str) -> str:
    """Run Python in `root` on the stages of this repository."""
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **env},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def train_in_process(root: Path, candidate: str, **env: str) -> dict[str, bytes]:
    """Train a candidate in a process of its own, and return its files."""
    folder = root / "models/candidates" / candidate
    shutil.rmtree(folder, ignore_errors=True)
    run_python(root, "-m", "flows", f"train@{candidate}", **env)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("candidate", ["hgb", pytest.param("logistic", marks=pytest.mark.full)])
def test_a_model_is_the_same_file_with_other_threads_hashes_and_kernels(
    small_root: Path, candidate: str
) -> None:
    old = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1", **_OLD_PROCESSOR}
    new = {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "77", "OPENBLAS_CORETYPE": "Haswell"}
    assert train_in_process(small_root, candidate, **old) == train_in_process(
        small_root, candidate, **new
    )


def test_onnx_is_the_same_bytes_with_another_hash_seed(small_models: Path) -> None:
    folder = str(small_models / "models/candidates/hgb")
    digests = {
        run_python(small_models, "-c", _ONNX, folder, PYTHONHASHSEED=str(n)) for n in (0, 77)
    }
    assert len(digests) == 1


def test_predictions_and_coefficients_keep_no_digit_that_depends_on_the_processor(
    small_root: Path, params: Params
) -> None:
    table = read_months(small_root, "2013-07", last="2013-08")
    for name in params.candidates:
        predicted = fit(name, table, params.models).predict(table)
        assert np.array_equal(predicted, np.round(predicted, 6))
    model = fit("logistic", table, params.models)
    assert isinstance(model, SklearnModel)
    logistic = model.pipeline[-1]
    assert np.array_equal(logistic.coef_, np.round(logistic.coef_, 4))
    assert np.array_equal(logistic.intercept_, np.round(logistic.intercept_, 4))


def test_a_saved_model_predicts_what_it_predicted(small_root: Path, params: Params) -> None:
    table = read_months(small_root, "2013-07", last="2013-08")
    for name in params.candidates:
        model = fit(name, table, params.models)
        folder = small_root / "saved" / name
        folder.mkdir(parents=True)
        model.save(folder)
        assert np.array_equal(load(folder).predict(table), model.predict(table))
