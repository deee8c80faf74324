"""The output of a run: lines without a terminal, a live board on a terminal, and logs."""

from __future__ import annotations

import json
import re

import pytest
from rich.cells import cell_len

from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.planning.remaining_time import remaining_s
from dvc_bridge.ui.live_progress import clock, crop
from dvc_bridge.ui.plain_view import PlainView
from tests.support.commands import bridge
from tests.support.projects import MakeProject, Start

LONG = "x" * 70
STAGES: dict[str, dict[str, object]] = {
    "say": {
        "cmd": r"printf 'one\ntwo \033[31mred\033[0m\n1/3\r2/3\r3/3\nend'; echo > a",
        "outs": ["a"],
    },
    "crash": {"cmd": "echo why >&2; exit 3", "deps": ["a"], "outs": ["c"]},
    "after": {"cmd": "echo > d", "deps": ["c"], "outs": ["d"]},
    "silent": {"cmd": "echo > s", "outs": ["s"]},
    "train": {"foreach": [LONG], "do": {"cmd": "echo > ${item}", "outs": ["${item}"]}},
}

BOARD = {
    "one": {
        "cmd": r"touch started; printf '5%%\r10%%\r'; until test -e go; do sleep 0.05; done",
        "outs": ["started"],
    },
    "two": {"cmd": "echo é漢字; : > two", "deps": ["started"], "outs": ["two"]},
    "three": {"cmd": "echo no; exit 2", "deps": ["two"], "outs": ["three"]},
    "train": {
        "foreach": [LONG],
        "do": {"cmd": "sleep 0.3; touch ${item}", "outs": ["${item}"]},
    },
}


def test_off_a_terminal_every_event_is_a_line_and_logs_hold_every_byte(
    make_project: MakeProject,
) -> None:
    root = make_project(STAGES)
    text = bridge(root, "repro", "-k", code=1)
    lines = text.splitlines()
    for line in (
        "say: running",
        "say | one",
        "say | two \033[31mred\033[0m",
        "say | 3/3",  # what a terminal finally shows
        "say | end",
        "crash | why",
        "crash | `echo why >&2; exit 3` exited with 3",
        "after: skipped",
        "dvc-bridge: crash: `echo why >&2; exit 3` exited with 3",
    ):
        assert line in lines
    assert re.search(r"^say: ran \(\d+\.\d s\)$", text, re.MULTILINE)
    assert re.search(r"^3 ran, 1 failed, 1 skipped \(\d+\.\d s\)$", text, re.MULTILINE)

    logs = root / ".dvc/tmp/dvc-bridge/logs"
    kept = {path.name.rpartition("-")[0]: path.read_bytes() for path in logs.iterdir()}
    assert kept == {
        "say": b"one\ntwo \033[31mred\033[0m\n1/3\r2/3\r3/3\nend",
        "crash": b"why\n",
    }
    # A log contains the last run of its stage.
    stages = {**STAGES, "crash": {**STAGES["crash"], "cmd": "echo > c"}}
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    assert "2 ran, 3 unchanged" in bridge(root, "repro")
    assert [path.name.rpartition("-")[0] for path in logs.iterdir()] == ["say"]


def test_on_a_terminal_a_board_shows_what_runs_and_what_waits(
    make_project: MakeProject, start: Start
) -> None:
    root = make_project(BOARD)
    run = start(root, "repro", "-j2", columns=60)
    run.until(lambda: " 1/4  1 ran  2 waiting" in run.printed and "10%" in run.printed)
    (root / "go").touch()
    assert run.ended() == 1
    boards = run.printed.splitlines()
    rows = [line for line in boards if line.startswith("running")]
    assert any(re.fullmatch(r"running  \d+\.\d s  one  10%", row) for row in rows)
    cut = [row for row in rows if "train@xx" in row]
    assert cut
    assert [row for row in cut if len(row) > 60 or not re.search(r"train@x+…x+$", row)] == []
    assert "two | é漢字" in run.printed
    assert "DVC warns: 'two' is empty." in run.printed
    assert re.search(r"^ran \d+\.\d s  one$", run.printed, re.MULTILINE)
    # The board disappears; the lines above it and the summary stay.
    assert run.raw.count("\033[?25l") == run.raw.count("\033[?25h") == 1
    *_, last = run.printed.rpartition("\nfailed ")
    assert "running  " not in last
    assert "3 ran, 1 failed" in last

    plain = start(root, "repro", "--plain", columns=60)
    assert plain.ended() == 1
    assert re.search(r"three: running\nthree > .*\nthree \| no\n", plain.raw)
    assert "\033[?25l" not in plain.raw  # no board


@pytest.mark.parametrize(
    ("jobs", "elapsed", "expected"),
    [
        (1, {}, 17.0),  # one after the other
        (2, {}, 13.0),  # the chain a - c - d
        (2, {0: 1.5}, 11.5),
        (2, {0: 99.0, 1: 1.0}, 11.0),  # over its usual time: it may end at any moment
    ],
)
def test_the_time_left_is_that_of_the_longest_chain_or_of_all_work_over_the_jobs(
    jobs: int, elapsed: dict[int, float], expected: float
) -> None:
    left = {0: 2.0, 1: 4.0, 2: 8.0, 3: 3.0}
    assert remaining_s(left, [[2], [3], [3], []], elapsed, jobs) == expected


def test_an_unknown_duration_counts_as_the_median() -> None:
    assert remaining_s({0: 1.0, 1: 3.0, 2: 5.0, 3: None}, [[], [], [], []], {}, 1) == 12.0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.9, "12 s"),
        (3, "3 s"),
        (125.0, "2:05"),
        (3725, "1:02:05"),
    ],
)
def test_times_are_shown_as_people_read_them(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize("width", [5, 6, 7, 20, 200])
def test_a_cropped_name_fits_its_columns_and_keeps_both_ends(width: int) -> None:
    for name in ("train@model-of-january", "漢字" * 12, "a"):
        shown = crop(name, width)
        assert cell_len(shown) <= width
        assert shown == name or (shown[0], shown[-1]) == (name[0], name[-1])


def test_the_names_of_stages_have_no_effect_on_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = PlainView()
    with view.shown(["red \x1b[31m\u202e"], {}, [()]):
        view.started(RunIndex(0))
        view.ended(RunIndex(0), Outcome.RAN)
    printed = capsys.readouterr().out
    assert "red \\x1b[31m\\u202e: running" in printed
    assert "\x1b" not in printed
