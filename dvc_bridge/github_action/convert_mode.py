"""The mode `convert`: the manifest of the pipeline, or whether the committed one has drifted."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc_bridge.app.convert import ChangedPipelineError, Code, convert
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import commit
from dvc_bridge.github_action.document import Block, Text
from dvc_bridge.github_action.inputs import Inputs
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import Annotation, print_visible
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.planning.targets import Selection

_VARIABLE = r"- name: DVC_BRIDGE_{}\n\s+value: ['\"]?([^'\"\n]+)"
_SHOWN_LINES = 40


def convert_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Write the manifest; with `check`, compare it with the committed one instead.

    Raises
    ------
    BridgeError
        Stages cannot run in pods, or settings are missing.
    """
    del positions
    committed = _committed(inputs) if inputs.check else ""
    try:
        made = convert(
            Selection(inputs.targets, all_pipelines=not inputs.targets),
            kind=inputs.kind,
            schedule=inputs.schedule or None,
            name=inputs.name or None,
            code=_code(inputs, committed),
            warn=print_visible,
        )
    except ChangedPipelineError as error:
        if not committed:
            raise
        return _drifted(inputs, {"changed": "true"}, error.message, [])
    path = Path(inputs.output) if inputs.output and not inputs.check else folder / "manifest.yaml"
    write_whole(path, made, path.parent)
    differs = bool(committed) and committed != made
    outputs = {
        "manifest": str(path.resolve()),
        "sha256": hashlib.sha256(made.encode()).hexdigest(),
        "changed": "true" if differs else "false",
    }
    if not differs:
        state = "is up to date" if inputs.check else f"is in {code(str(path))}"
        return StepResult(outputs, [Text(f"### The manifest {state}")])
    lines = list(difflib.unified_diff(committed.splitlines(), made.splitlines(), lineterm="", n=1))
    print_visible("\n".join(lines))
    why = "it differs from what the pipeline converts to"
    return _drifted(inputs, outputs, why, lines[2 : 2 + _SHOWN_LINES])


def _drifted(
    inputs: Inputs, outputs: Mapping[str, str], why: str, lines: Sequence[str]
) -> StepResult:
    """Return the result for a committed manifest that is out of date."""
    fix = "dvc-bridge convert with the same options and --output, then commit the file"
    message = f"{inputs.output} has drifted: {why}\nfix: {fix}"
    print_visible(message)
    blocks: list[Block] = [Text(f"### The manifest {code(inputs.output)} has drifted")]
    blocks.append(Text("<br>".join(map(code, lines)) if lines else code(why)))
    blocks.append(Text(f"Next step: {code(fix)}"))
    annotation = Annotation("manifest has drifted", message, inputs.output)
    return StepResult(outputs, blocks, annotations=[annotation], exit_code=1)


def _committed(inputs: Inputs) -> str:
    try:
        return Path(inputs.output).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"{inputs.output} cannot be read", "commit the manifest, or name it with output"
        ) from exc


def _code(inputs: Inputs, committed: str) -> Code:
    """Return where pods get the code; a check takes it from the committed manifest."""
    found = {
        name: match[1].strip() if (match := re.search(_VARIABLE.format(name), committed)) else ""
        for name in ("REVISION", "REPO")
    }
    if (sha := found["REVISION"]) and not inputs.revision:
        _check_present(sha)
    revision = inputs.revision or sha or "HEAD"
    return Code(revision, inputs.repo or found["REPO"] or None)


def _check_present(sha: str) -> None:
    try:
        commit(find_project(), sha)
    except UsageError as error:
        raise UsageError(
            f"this clone does not have commit {sha}, from which the manifest takes the code",
            "set fetch-depth: 0 in actions/checkout; or convert again and commit the manifest",
        ) from error
