"""The output of a command is kept completely; Argo's own lines are removed."""

from __future__ import annotations

from dvc_bridge.engines.argo.logs import command_lines

WAITS = 'time=2026-11-24T16:40:54.415Z level=INFO msg="waiting for signals" argo=true signalPath=/x'
ENDED = 'time=2026-11-24T16:40:55Z level=INFO msg="sub-process exited" argo=true error="exit 3"'
LAST = "Error: exit status 3"


def test_argos_lines_are_left_out_whatever_the_order_of_their_keys() -> None:
    assert list(command_lines(["one", WAITS, "two", ENDED, LAST, "late"])) == ["one", "two", "late"]
    assert list(command_lines(["time=1 argo=true level=INFO msg=x"])) == []


def test_a_command_may_say_itself_that_something_ended_with_a_status() -> None:
    assert list(command_lines([WAITS, LAST, "two", ENDED, LAST])) == [LAST, "two"]


def test_lines_that_look_a_little_like_argos_are_kept() -> None:
    lines = [
        "time=3 epoch=1",
        " time=3 argo=true",
        "time= argo=true",
        "say argo=true",
        "time=3 argo=trueish",
        "time=3 cargo=true",
    ]
    assert list(command_lines(lines)) == lines
