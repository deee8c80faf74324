"""Commands that print titles, colours, incomplete sequences and invalid UTF-8."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.commands import add_remote, play
from tests.support.projects import CallBridge, MakeProject

PRINTED = {
    "title": r"\033]0;my title\007",
    "title-st": r"\033]2;my title\033\\",
    "screen": r"\033[?1049h\033[2J\033[H\033[3;4r\033c",
    "colours": r"\033[1;38;2;1;2;3mred\033[0m\033[99999999m",
    "device": r"\033Pq#0~\033\\\033_x\033\\\033^y\033\\",
    "half": r"\033[\n\033]0;no end\n\033",
    "bytes": r"\377\376\000\033]0;\377\007\rover\bwritten\n",
}
STAGES = {
    name: {"cmd": f"printf {shlex.quote(text)}; echo {name} > {name}", "outs": [name]}
    for name, text in PRINTED.items()
}


@pytest.fixture
def project(make_project: MakeProject) -> Path:
    root = make_project(STAGES)
    add_remote(root)
    return root


def test_what_a_command_prints_breaks_no_worker(project: Path) -> None:
    printed = play(project)
    assert "\033]0;my title\007" in printed  # unchanged: the terminal belongs to the log's reader
    for name in PRINTED:
        assert (project / name).read_text() == f"{name}\n"


def test_what_a_command_prints_breaks_no_run_here_and_is_in_its_log(
    project: Path, call_bridge: CallBridge
) -> None:
    call_bridge(project, "repro", "-j2")
    logs = {path.read_bytes() for path in (project / ".dvc/tmp/dvc-bridge/logs").glob("*")}
    assert b"\033]0;my title\007" in b"".join(logs)
    for name in PRINTED:
        assert (project / name).read_text() == f"{name}\n"
