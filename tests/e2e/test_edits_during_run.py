"""Files that a user edits during a run: every later run sees the edit, ours and DVC's."""

from __future__ import annotations

import json
from collections.abc import Callable

import dvc.output
import pytest

from dvc_bridge.dvcio import atomic_files
from dvc_bridge.dvcio.recording import fast_record
from tests.support.commands import dvc_status
from tests.support.projects import CallBridge, MakeProject

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")
# Of equal length and immediate, so that size and age of the file change little.
SOON = "printf 2 > {0}"
# As editors save: a new file replaces the old one.
REPLACED = "printf 2 > new; mv new {0}"
# Late enough for the file to have been old when it was hashed.
LATE = "sleep 0.1; printf 2 > {0}"
STAGES: dict[str, dict[str, object]] = {
    "reads": {"cmd": "cat raw > plain", "deps": ["raw"], "outs": ["plain"]},
    "metric": {
        "cmd": "cat raw > m.json",
        "deps": ["raw"],
        "metrics": [{"m.json": {"cache": False}}],
    },
    "after": {"cmd": "true", "deps": ["plain", "m.json"], "outs": ["done"]},
}


@pytest.mark.parametrize("edit", [SOON, REPLACED, LATE])
@pytest.mark.parametrize(
    ("edited", "stages"),
    [("raw", {"reads", "metric"}), ("plain", {"reads"}), ("m.json", {"metric"})],
)
def test_an_edit_after_a_stage_was_recorded_is_seen_by_all_that_look_later(
    make_project: MakeProject, call_bridge: CallBridge, edited: str, stages: set[str], edit: str
) -> None:
    after = {**STAGES["after"], "cmd": f"{edit.format(edited)}; echo > done"}
    root = make_project({**STAGES, "after": after}, {"raw": "1"})
    call_bridge(root, "repro", "-j1")
    assert (root / edited).read_text() == "2"
    assert stages <= dvc_status(root).keys()
    planned = call_bridge(root, "plan", "--json")
    verdicts = {s["address"]: s["verdict"] for s in json.loads(planned)["stages"]}
    assert all(verdicts[name] != "up to date" for name in stages)


@pytest.mark.parametrize("out", ["plain", {"plain": {"persist": True}}], ids=["fast", "as-dvc"])
def test_an_out_that_changes_between_its_hash_and_its_copy_is_never_an_object_in_the_cache(
    make_project: MakeProject,
    call_bridge: CallBridge,
    monkeypatch: pytest.MonkeyPatch,
    out: str | dict[str, dict[str, bool]],
) -> None:
    root = make_project({"reads": {**STAGES["reads"], "outs": [out]}}, {"raw": "1"})

    def after_edit(copy: Callable[..., object]) -> Callable[..., object]:
        def edit_and_copy(*args: object, **kwargs: object) -> object:
            (root / "plain").write_text("by another program")
            return copy(*args, **kwargs)

        return edit_and_copy

    monkeypatch.setattr(fast_record, "copy_file", after_edit(atomic_files.copy_file))
    monkeypatch.setattr(dvc.output, "otransfer", after_edit(dvc.output.otransfer))
    printed = call_bridge(root, "repro", code=2)
    assert "plain changed while it was stored in the cache" in printed
    assert not list((root / ".dvc/cache/files/md5").glob("*/*"))
    monkeypatch.undo()
    call_bridge(root, "repro")
    assert (root / "plain").read_text() == "1"
    assert not dvc_status(root)
