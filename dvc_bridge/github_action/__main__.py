"""The entry point of the Action: read the inputs, run the mode, tell the runner."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from dvc_bridge.errors import BridgeError, of_system
from dvc_bridge.github_action.inputs import Inputs, Mode, read_inputs, variable
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.project_folder import enter_project
from dvc_bridge.github_action.runner import Annotation, print_visible, without_commands
from dvc_bridge.github_action.step_result import RunnerFiles, StepResult, failure, publish

BUG = 5
Step = Callable[[Inputs, Positions, Path], StepResult]
# The mode -> the module and the function; each run imports only its own.
STEPS = {
    Mode.PLAN: "plan_mode:plan_step",
    Mode.CONVERT: "convert_mode:convert_step",
    Mode.REPRO: "repro_mode:repro_step",
    Mode.REPORT: "report_mode:report_step",
    Mode.RUN: "run_mode:run_step",
    Mode.COLLECT: "run_mode:collect_step",
}


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run the step that the environment describes, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):  # a name that the log cannot encode must not end a run
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    files = _runner_files(environment)
    try:
        inputs = read_inputs(environment)
        # Commands of stages do not inherit it; runners other than GitHub's set INPUT_TOKEN too.
        for name in (variable("token"), "INPUT_TOKEN"):
            os.environ.pop(name, None)
    except BridgeError as error:
        message = f"{error.message}\nfix: {error.fix}"
        publish(failure(error, [Annotation("dvc-bridge", message)]), _marker("inputs", ()), files)
        return error.exit_code
    sarif = Path(inputs.folder, inputs.sarif).resolve() if inputs.sarif else None
    try:
        with without_commands():
            result = _run(inputs, files)
    except Exception:
        with without_commands():
            traceback.print_exc()
        print("::error title=dvc-bridge::this is a bug of dvc-bridge; please report the log")
        return BUG
    publish(result, _marker(inputs.mode.value, (str(inputs.folder), *inputs.targets)), files, sarif)
    return result.exit_code


def _run(inputs: Inputs, files: RunnerFiles) -> StepResult:
    """Run the mode; an error that the user can act on becomes a result."""
    repository = Path.cwd()
    positions = Positions(repository, repository)
    try:
        project = enter_project(repository, inputs.folder)
        positions = Positions(project.root, repository)
        files.folder.mkdir(parents=True, exist_ok=True)
        return _step(inputs.mode)(inputs, positions, files.folder)
    except (BridgeError, OSError) as exc:
        error = exc if isinstance(exc, BridgeError) else of_system(exc)
        if error is None:
            raise
        print_visible(f"dvc-bridge: {error}")
        return failure(error, positions.of_error(error))


def _step(mode: Mode) -> Step:
    module, _, name = STEPS[mode].partition(":")
    step: Step = getattr(import_module(f"dvc_bridge.github_action.{module}"), name)
    return step


def _marker(mode: str, subject: tuple[str, ...]) -> str:
    """Return a comment of HTML that names the mode and what it is about."""
    key = "-".join((mode, *subject))
    return f"<!-- dvc-bridge:{re.sub('[^A-Za-z0-9._/@]+', '-', key)[:200]} -->"


def _runner_files(environment: Mapping[str, str]) -> RunnerFiles:
    def path(name: str) -> Path | None:
        return Path(environment[name]) if environment.get(name) else None

    temporary = Path(environment.get("RUNNER_TEMP") or ".dvc/tmp").resolve()
    folder = temporary / "dvc-bridge" / (environment.get("GITHUB_ACTION") or "step")
    return RunnerFiles(folder, path("GITHUB_OUTPUT"), path("GITHUB_STEP_SUMMARY"))


if __name__ == "__main__":
    sys.exit(main())
