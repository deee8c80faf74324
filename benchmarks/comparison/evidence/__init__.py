"""What the report shows next to measurements: published figures, and a table of features."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


def read_evidence() -> dict[str, Any]:
    """Return `published` and `features`, as the two files of this folder contain them."""
    return {
        name: json.loads((_FOLDER / f"{name}.json").read_text())
        for name in ("published", "features")
    }
