"""select: the candidate with the lowest log loss on the validation months."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import StageError
from .files import read_json, whole_directory, write_json


def select(root: Path, candidates: Sequence[str]) -> None:
    """Write models/selected: the best candidate's files, and selection.json with all scores.

    Raises
    ------
    StageError
        A candidate was not trained.
    """
    folders = {name: root / "models" / "candidates" / name for name in candidates}
    missing = [n for n, folder in folders.items() if not (folder / "valid.json").exists()]
    if missing:
        problems = [f"models/candidates/{n}/valid.json is missing" for n in missing]
        raise StageError("select", problems, f"dvc repro train@{missing[0]}")
    scores = {name: read_json(folder / "valid.json") for name, folder in folders.items()}
    best = min(candidates, key=lambda name: (scores[name]["log_loss"], name))
    with whole_directory(root / "models" / "selected") as part:
        for source in sorted(folders[best].iterdir()):
            if source.name != "valid.json":
                shutil.copyfile(source, part / source.name)
        write_json(part / "selection.json", {"selected": best, "valid": scores})
