"""The candidate that someone who made a typo meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

_CLOSE = 0.6
# Two spellings of one word, such as `nodeselector` and `node_selector`.
_SAME = 0.9


def suggest(text: Any, candidates: Sequence[str]) -> str:
    """Return a clause with the candidate that is close to a text; empty if none is."""
    close = difflib.get_close_matches(str(text), candidates, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def nearest_key(key: Any, keys: Sequence[str]) -> str:
    """Return the key that is close to another, word by word; empty if none is.

    Keys that begin alike often differ in the word that matters: `secret_files` is not a typo of
    `secret_env`. Names as Kubernetes writes them are understood too: `nodeSelector`.
    """
    snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(key)).lower().replace("-", "_")
    close = difflib.get_close_matches(snake_case, keys, n=5, cutoff=_CLOSE)
    return next((candidate for candidate in close if _is_close(snake_case, candidate)), "")


def _is_close(one: str, other: str) -> bool:
    if _ratio(one.replace("_", ""), other.replace("_", "")) >= _SAME:
        return True
    return all(
        _ratio(word, other_word) >= _CLOSE
        for word, other_word in zip(one.split("_"), other.split("_"), strict=False)
    )


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
