"""Run the entry point of the Action, and read what it tells the runner."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dvc_bridge.github_action.__main__ import main
from dvc_bridge.github_action.inputs import variable


def read_outputs(file: Path) -> dict[str, str]:
    """Return the outputs as the runner reads them (FileCommandManager of actions/runner)."""
    outputs = {}
    lines = iter(file.read_bytes().decode("utf-8").split("\n"))
    for line in lines:
        if not line:
            continue
        name, mark, end = line.partition("<<")
        assert mark, line
        value = []
        for inner in lines:
            if inner == end:
                break
            value.append(inner)
        outputs[name] = "\n".join(value)
    return outputs


# Variables of GitHub's runner that a test can set.
_RUNNER = ("GITHUB_BASE_REF", "GITHUB_REF")


@dataclass(frozen=True)
class Step:
    """What a step left: its exit code, its log, and the runner's files."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def comment(self) -> str:
        """The comment, whose path is an output."""
        return Path(self.outputs["comment"]).read_text(encoding="utf-8")

    @property
    def commands(self) -> list[str]:
        """The lines of the log that the runner takes as commands."""
        commands, stop = [], ""
        for line in self.log.splitlines():
            if stop:
                stop = "" if line == f"::{stop}::" else stop
            elif line.startswith("::stop-commands::"):
                stop = line.removeprefix("::stop-commands::")
            elif "::" in line or "##[" in line:
                commands.append(line)
        return commands


def step(repository: Path, folder: Path, **inputs: str) -> Step:
    """Run the entry point of the Action in a repository; `folder` holds the runner's files."""
    folder.mkdir(exist_ok=True)
    output, summary = folder / "output", folder / "summary"
    output.write_bytes(b"")
    summary.write_bytes(b"")
    environment = {
        **{name: os.environ[name] for name in _RUNNER if name in os.environ},
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        **{variable(name.replace("_", "-")): value for name, value in inputs.items()},
    }
    log = StringIO()
    with chdir(repository), redirect_stdout(log), redirect_stderr(log):
        code = main(environment)
    assert "Traceback" not in log.getvalue(), log.getvalue()
    text = summary.read_text(encoding="utf-8")
    return Step(code, log.getvalue(), read_outputs(output), text)
