"""The message and the exit code of a run after its results have been merged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.app.merged_run import MergedRun
from dvc_bridge.app.run_end import end_of_run
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_status import Phase, RunStatus
from dvc_bridge.remote_run.merge import Merged
from tests.support.commands import dvc_status
from tests.support.kubernetes_api import serving, workflow
from tests.support.projects import CallBridge

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")
ALL_GOOD = "dvc.lock and the workspace match what `dvc repro` would have produced"
OUT = "its result is left out: the stage definition differs"
NOT_OF_NOW = "its result is merged but out of date: param params.yaml:p changed from 1 to 2"


def state(phase: str, message: str = "") -> RunStatus:
    return RunStatus("r", Phase(phase), message)


def found(
    outcomes: Mapping[str, Outcome],
    expected: tuple[str, ...] | None = None,
    incompatible: Mapping[str, tuple[str, ...]] | None = None,
    *,
    left_out: frozenset[str] = frozenset(),
) -> MergedRun:
    """Return the end of a merge; the results of `left_out` are not in dvc.lock."""
    results = {a: Result(a, outcome, message=f"{a} says") for a, outcome in outcomes.items()}
    merged = Merged(fitting=set(outcomes) - left_out, incompatible=incompatible or {})
    return MergedRun(merged, results, expected)


GOOD = {"a": Outcome.RAN, "b": Outcome.RESTORED, "c": Outcome.UNCHANGED}
ENDS: dict[str, tuple[MergedRun, RunStatus | None, int, list[str]]] = {
    "it failed": (
        found({**GOOD, "b": Outcome.FAILED}, ("a", "b", "c")),
        state("Failed"),
        1,
        [
            "b: b says",
            "fix: correct the problem and submit again: finished stages do not run again",
        ],
    ),
    "it failed, and more is wrong": (
        found({"a": Outcome.RAN, "b": Outcome.FAILED}, ("a", "b", "c"), {"a": ("edited",)}),
        state("Running"),
        1,
        [
            "b: b says\n",
            "a: its result is merged but",
            "edited\n",
            "the run is still running: no result of c",
        ],
    ),
    "it goes on": (
        found({"a": Outcome.RAN}, ("a", "b", "c")),
        state("Running"),
        75,
        [
            "the run is still running: no result of b, c\n",
            "fix: run dvc-bridge collect r again later",
        ],
    ),
    "the cluster cannot be asked": (
        found({"a": Outcome.RAN}, ("a", "b")),
        None,
        75,
        [
            "the run is still running, or was stopped: no result of b\n",
            "fix: run dvc-bridge collect r again",
        ],
    ),
    "it was stopped": (
        found({"a": Outcome.RAN}, ("a", "b")),
        state("Failed", "Stopped with strategy 'Stop'"),
        2,
        ["the run ended Failed: no result of b\n", "fix: dvc-bridge logs r says why;", "retry r"],
    ),
    "dvc.yaml was edited": (
        found(GOOD, ("a", "b", "c"), {"a": ("its cmd is another",)}, left_out=frozenset("a")),
        state("Succeeded"),
        2,
        ["a: its result is left out: its cmd is another\n", "fix: dvc-bridge submit runs what is"],
    ),
    "a stage is gone": (
        found(GOOD, ("a", "b", "c"), {"a": ("no such stage",)}, left_out=frozenset("a")),
        None,
        2,
        ["a: its result is left out: no such stage\n", "or go back to the files of the run"],
    ),
    "parameters and deps are others": (
        found(GOOD, ("a", "b", "c"), {"b": ("param p changed", "dep d changed")}),
        state("Succeeded"),
        2,
        ["b: its result is merged but out of date: param p changed; dep d changed\n"],
    ),
    "it says of no stages": (
        found(GOOD, None),
        None,
        75,
        ["run r does not say which stages it has: more results may follow\n"],
    ),
    "all stages are good and the Workflow is not": (
        found(GOOD, ("a", "b", "c")),
        state("Error", "no more room"),
        2,
        ["run r ended Error: no more room\n", "fix: correct what `dvc-bridge logs r` shows"],
    ),
}


@pytest.mark.parametrize(("merged", "how", "code", "texts"), ENDS.values(), ids=ENDS)
def test_an_end_that_is_not_all_good_is_an_error_that_says_what_is_missing_and_what_to_do(
    merged: MergedRun,
    how: RunStatus | None,
    code: int,
    texts: list[str],
) -> None:
    with pytest.raises(BridgeError) as raised:
        end_of_run(merged, "r", how).raise_error()
    assert raised.value.exit_code == code
    for text in texts:
        assert text in str(raised.value)


@pytest.mark.parametrize("how", [None, state("Succeeded")])
def test_an_end_that_is_all_good_has_no_error(how: RunStatus | None) -> None:
    end = end_of_run(found(GOOD, ("a", "b", "c")), "r", how)
    end.raise_error()
    assert str(end) == "1 ran, 1 from the run cache"


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    names = [f"s{number:02}" for number in range(24)]
    with pytest.raises(BridgeError) as raised:
        end_of_run(found({"s00": Outcome.FAILED}, tuple(names)), "r", None).raise_error()
    assert raised.value.message.endswith(
        "no result of s01, s02, s03, s04, s05, s06, s07, s08, s09, s10 and 13 more"
    )
    with pytest.raises(BridgeError) as raised:
        end_of_run(
            found(dict.fromkeys(names, Outcome.FAILED), tuple(names)), "r", None
        ).raise_error()
    assert raised.value.message.endswith("s09: s09 says\nand 14 more")


def run_of(root: Path) -> str:
    (run,) = (path.name for path in (root.parent / "remote/bridge/runs").iterdir())
    return run


def lose_result(root: Path, address: str) -> None:
    for path in root.parent.glob("remote/bridge/runs/*/stages/*.json"):
        if json.loads(path.read_text())["address"] == address:
            path.unlink()


def lock_of(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    return found


def forget(root: Path) -> None:
    """Turn the project into a clone that has never run a stage."""
    (root / "dvc.lock").unlink()
    shutil.rmtree(root / "d")
    for name in ("one", "aside"):
        (root / name).unlink()


def test_collect_ends_with_0_where_dvc_repro_has_nothing_left_to_do(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    forget(pods_project)
    said = call_bridge(pods_project, "collect", run_of(pods_project))
    assert said.startswith("3 ran\n")
    assert ALL_GOOD in said
    assert dvc_status(pods_project) == {}


@pytest.mark.parametrize("phase", ["", "Running", "Failed"])
def test_collect_of_a_run_with_a_missing_result_reports_its_state(
    pods_project: Path, call_bridge: CallBridge, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(pods_project)
    lose_result(pods_project, "two")
    run, folder = run_of(pods_project), pods_project.parent
    if not phase:
        said = call_bridge(pods_project, "collect", run, code=75)
        assert "the run is still running, or was stopped: no result of two\n" in said
    else:
        with serving(folder, [workflow(run, phase)]):
            monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
            said = call_bridge(pods_project, "collect", run, code=75 if phase == "Running" else 2)
        how = "the run is still running" if phase == "Running" else "the run ended Failed"
        assert f"dvc-bridge: {how}: no result of two\n" in said
    assert ALL_GOOD not in said
    assert sorted(lock_of(pods_project)) == ["aside", "one"]


def test_collect_after_edits_names_what_it_left_out_and_what_is_not_of_now(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    forget(pods_project)
    text = (pods_project / "dvc.yaml").read_text()
    (pods_project / "dvc.yaml").write_text(text.replace("cat raw > aside", "cat raw raw > aside"))
    (pods_project / "params.yaml").write_text("p: 2\n")
    said = call_bridge(pods_project, "collect", run_of(pods_project), code=2)
    assert f"aside: {OUT}" in said
    assert f"one: {NOT_OF_NOW}" in said
    assert ALL_GOOD not in said
    assert sorted(lock_of(pods_project)) == ["one", "two"]


def test_collect_of_a_run_with_a_failed_stage_ends_with_1_and_its_message(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    forget(pods_project)
    for path in pods_project.parent.glob("remote/bridge/runs/*/stages/*.json"):
        result = json.loads(path.read_text())
        if result["address"] == "aside":
            outcome = Outcome.FAILED.value
            failed = {"outcome": outcome, "message": "`cat raw` exited with 9", "entry": {}}
            path.write_text(json.dumps({**result, **failed}))
    said = call_bridge(pods_project, "collect", run_of(pods_project), code=1)
    assert (
        "dvc-bridge: aside: `cat raw` exited with 9\nfix: correct the problem and submit again"
        in said
    )
    assert sorted(lock_of(pods_project)) == ["one", "two"]
