"""The mode `convert`: the manifest of the pipeline, or whether the committed one has drifted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from dvc_bridge.app.check_manifest import CheckedManifest, check_manifest
from dvc_bridge.app.convert import Code, convert, convert_to_slurm
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.github_action.document import Block, Text
from dvc_bridge.github_action.inputs import Inputs, Kind
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import Annotation, Rule, print_visible
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.planning.targets import Selection

_SHOWN_LINES = 40
# Whether it is a script -> the name of the file.
_FILE = {False: "manifest.yaml", True: "submit.sh"}


def convert_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Write the manifest; with `check`, compare it with the committed one instead.

    Raises
    ------
    BridgeError
        Stages cannot run in pods, or settings are missing.
    """
    del positions

    def make(source: Code) -> str:
        selection = Selection(inputs.targets, all_pipelines=not inputs.targets)
        name = inputs.name or None
        if inputs.kind is Kind.SLURM:
            return convert_to_slurm(selection, name=name, code=source, warn=print_visible)
        return convert(
            selection,
            kind=ManifestKind(inputs.kind.value),
            schedule=inputs.schedule or None,
            name=name,
            code=source,
            warn=print_visible,
        )

    spare = folder / _FILE[inputs.kind is Kind.SLURM]
    if inputs.check:
        checked = check_manifest(inputs.output, make)
        outputs = _write(checked.manifest, spare) if checked.manifest else {}
        if checked.why:
            return _drifted(inputs.output, checked, outputs)
        summary = [Text("### The manifest is up to date")]
        return StepResult({**outputs, "changed": "false"}, summary)
    path = Path(inputs.output) if inputs.output else spare
    outputs = _write(make(Code(inputs.revision or "HEAD", inputs.repo or None)), path)
    return StepResult(
        {**outputs, "changed": "false"}, [Text(f"### The manifest is in {code(str(path))}")]
    )


def _write(manifest: str, path: Path) -> dict[str, str]:
    write_whole(path, manifest, path.parent)
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    return {"manifest": str(path.resolve()), "sha256": digest}


def _drifted(file: str, checked: CheckedManifest, outputs: Mapping[str, str]) -> StepResult:
    """Return the result for a committed manifest that is out of date."""
    fix = "dvc-bridge convert with the same options and --output, then commit the file"
    message = f"{file} has drifted: {checked.why}\nfix: {fix}"
    print_visible("\n".join((message, *checked.difference)))
    lines = checked.difference[:_SHOWN_LINES] or (checked.why,)
    blocks: list[Block] = [
        Text(f"### The manifest {code(file)} has drifted"),
        Text("<br>".join(map(code, lines))),
        Text(f"Next step: {code(fix)}"),
    ]
    annotation = Annotation("manifest has drifted", message, file, rule=Rule.DRIFTED)
    return StepResult({**outputs, "changed": "true"}, blocks, annotations=[annotation], exit_code=1)
