"""What a mode hands back, and how it reaches GitHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.errors import BridgeError
from dvc_bridge.github_action.document import (
    COMMENT_LIMIT,
    SUMMARY_LIMIT,
    Block,
    Text,
    render,
)
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.runner import (
    Annotation,
    append_summary,
    print_annotations,
    write_outputs,
)
from dvc_bridge.github_action.sarif import sarif_text


@dataclass(frozen=True)
class StepResult:
    """The result of a step.

    Parameters
    ----------
    outputs
        The outputs of the mode, without `comment` and `valid`.
    summary, comment
        The blocks of the job summary, and of the comment.
    """

    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: Sequence[Block] = ()
    comment: Sequence[Block] = ()
    annotations: Sequence[Annotation] = ()
    exit_code: int = 0
    valid: bool = True


@dataclass(frozen=True)
class RunnerFiles:
    """The files of the runner; None: the step does not run on a runner.

    Parameters
    ----------
    folder
        The folder for the files that outputs name.
    """

    folder: Path
    output: Path | None
    summary: Path | None


def publish(result: StepResult, marker: str, files: RunnerFiles, sarif: Path | None = None) -> None:
    """Write the outputs, the summary and the comment, and print the annotations.

    Parameters
    ----------
    marker
        The hidden first line of the comment, by which a workflow finds the comment again.
    sarif
        The file for the annotations as SARIF; None: it is not written.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    comment = files.folder / "comment.md"
    blocks = [Text(marker), *(result.comment or result.summary)]
    comment.write_text(render(blocks, COMMENT_LIMIT), encoding="utf-8", errors="replace")
    print_annotations(result.annotations)
    outputs = dict(result.outputs)
    if sarif:
        sarif.parent.mkdir(parents=True, exist_ok=True)
        write_whole(sarif, sarif_text(result.annotations), sarif.parent)
        outputs["sarif"] = str(sarif)
    if files.summary:
        append_summary(files.summary, render(result.summary, SUMMARY_LIMIT))
    if files.output:
        valid = "true" if result.valid else "false"
        outputs |= {"comment": str(comment), "valid": valid}
        write_outputs(files.output, outputs)


def failure(error: BridgeError, annotations: Sequence[Annotation]) -> StepResult:
    """Return the result of a step that an error ends."""
    lines = [f"- {code(line, 1_000)}" for line in error.message.splitlines()]
    blocks = [Text("### dvc-bridge stopped with an error"), *map(Text, lines)]
    if error.fix:
        blocks.append(Text(f"Next step: {code(error.fix, 1_000)}"))
    return StepResult(
        summary=blocks, annotations=annotations, exit_code=error.exit_code, valid=False
    )
