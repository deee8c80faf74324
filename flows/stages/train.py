"""train: one candidate, scored on the validation months, then fitted on all before the test."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from .files import whole_directory, write_json
from .models import fit
from .months import labels, read_months_before
from .params import Candidate, Models, Windows
from .scores import score


def train(root: Path, candidate: Candidate, windows: Windows, models: Models) -> None:
    """Write models/candidates/{candidate}: the model, and valid.json, its validation scores.

    The scores are of a model fitted on the months before `windows.valid_first`; the model kept is
    fitted anew on all months before `windows.test_first`. No month of the test is read.
    """
    early = read_months_before(root, windows.valid_first)
    valid = read_months_before(root, windows.test_first, windows.valid_first)
    predicted = fit(candidate, early, models).predict(valid)
    found = score(labels(valid, "validate"), predicted)
    model = fit(candidate, pa.concat_tables([early, valid]), models)
    with whole_directory(root / "models" / "candidates" / candidate) as part:
        model.save(part)
        write_json(part / "valid.json", found)
