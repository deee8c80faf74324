"""select: the candidate with the lowest log loss on the validation months."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.models.results import Scores, Selection
from flows.params import Candidate
from flows.tables.files import atomic_directory, read_json, write_bytes, write_json


def select(root: Path, candidates: Sequence[Candidate]) -> None:
    """Write models/selected: the best candidate's files, and selection.json with all scores."""
    folders = {name: root / "models" / "candidates" / name for name in candidates}
    scores = {name: read_json(folder / "valid.json", Scores) for name, folder in folders.items()}
    best = min(candidates, key=lambda name: (scores[name]["log_loss"], name))
    with atomic_directory(root / "models" / "selected") as part:
        for source in sorted(folders[best].iterdir()):
            if source.name != "valid.json":
                write_bytes(part / source.name, source.read_bytes())
        selection: Selection = {"selected": best, "valid": scores}
        write_json(part / "selection.json", selection)
