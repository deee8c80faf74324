"""Two sessions never measure at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.comparison.session_lock import hold_session_lock


def test_a_second_session_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with hold_session_lock(file), pytest.raises(SystemExit) as caught, hold_session_lock(file):
        pass
    assert "wait until it ends" in str(caught.value)
    with hold_session_lock(file):
        pass
