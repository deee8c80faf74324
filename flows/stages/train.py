"""train: one candidate, scored on the validation months, then fitted on all before the test."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from flows.models.candidates import fit
from flows.models.scores import score
from flows.params import Candidate, Models, Windows
from flows.tables.feature_files import labels, read_months_before
from flows.tables.files import atomic_directory, write_json


def train(root: Path, candidate: Candidate, windows: Windows, models: Models) -> None:
    """Write models/candidates/{candidate}: the model, and valid.json, its validation scores.

    The scores are those of a model fitted on the months before `windows.valid_first`. The saved
    model is fitted on all months before `windows.test_first`. No month of the test is read.
    """
    early = read_months_before(root, windows.valid_first)
    valid = read_months_before(root, windows.test_first, windows.valid_first)
    predictions = fit(candidate, early, models).predict(valid)
    scores = score(labels(valid, "validate"), predictions)
    model = fit(candidate, pa.concat_tables([early, valid]), models)
    with atomic_directory(root / "models" / "candidates" / candidate) as part:
        model.save(part)
        write_json(part / "valid.json", scores)
