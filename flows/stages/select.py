"""select: the candidate with the lowest log loss on the validation months."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .files import read_json, whole_directory, write_bytes, write_json
from .params import Candidate
from .results import Scores, Selection


def select(root: Path, candidates: Sequence[Candidate]) -> None:
    """Write models/selected: the best candidate's files, and selection.json with all scores."""
    folders = {name: root / "models" / "candidates" / name for name in candidates}
    scores = {name: read_json(folder / "valid.json", Scores) for name, folder in folders.items()}
    best = min(candidates, key=lambda name: (scores[name]["log_loss"], name))
    with whole_directory(root / "models" / "selected") as part:
        for source in sorted(folders[best].iterdir()):
            if source.name != "valid.json":
                write_bytes(part / source.name, source.read_bytes())
        selection: Selection = {"selected": best, "valid": scores}
        write_json(part / "selection.json", selection)
