"""If a result would replace files that another process uses, nothing is merged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import dvc_status
from tests.support.projects import CallBridge
from tests.unit.app.test_run_end import forget, run_of

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")
# The parent of the test process, which lives as long as the tests.
READER = {"pid": os.getppid(), "cmd": "dvc pull"}


def claim(root: Path, at: str, how: str) -> None:
    """Record that another process uses a path, as DVC does."""
    user: Any = READER if how == "write" else [READER]
    file = root / ".dvc/tmp/rwlock"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({how: {str(root / at): user}}))


def files(root: Path) -> dict[str, bytes]:
    """Return all that a merge may change: the workspace and the cache."""
    inside = [path for path in root.rglob("*") if ".dvc/tmp" not in str(path) and path.is_file()]
    return {str(path): path.read_bytes() for path in inside}


@pytest.mark.parametrize("how", ["write", "read"])
@pytest.mark.parametrize("at", ["one", "d", "d/x"])
def test_an_out_in_use_stops_the_merge_before_anything_is_changed(
    pods_project: Path, call_bridge: CallBridge, at: str, how: str
) -> None:
    forget(pods_project)
    (pods_project / "one").write_text("being written")
    (pods_project / "d").mkdir()
    claim(pods_project, at, how)
    before = files(pods_project)
    said = call_bridge(pods_project, "collect", run_of(pods_project), code=2)
    place = pods_project / at
    assert f"{place} is in use by process {READER['pid']} (dvc pull)\nfix: wait for it" in said
    assert files(pods_project) == before


def test_the_same_merge_ends_well_once_the_other_process_is_done(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    forget(pods_project)
    claim(pods_project, "d", "write")
    call_bridge(pods_project, "collect", run_of(pods_project), code=2)
    (pods_project / ".dvc/tmp/rwlock").unlink()
    call_bridge(pods_project, "collect", run_of(pods_project))
    assert dvc_status(pods_project) == {}


def test_an_out_that_is_not_replaced_may_be_in_use(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    run = run_of(pods_project)
    forget(pods_project)
    claim(pods_project, "raw", "read")
    call_bridge(pods_project, "collect", run)
    claim(pods_project, "one", "write")
    forget(pods_project)
    call_bridge(pods_project, "collect", run, "--no-checkout")
    assert not (pods_project / "one").exists()
