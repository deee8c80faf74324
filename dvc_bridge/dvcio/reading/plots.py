"""The plots of a project's root dvc.yaml, with the project's own plot templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.pipeline.plots import PlotSpec, plot_specs
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline


def read_plots(root: Path, pipeline: Pipeline) -> list[PlotSpec]:
    """Return the plots of `root`/dvc.yaml and of all stages of the pipeline.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    """
    entries = [(stage.wdir, stage.data) for stage in pipeline.stages if stage.name]
    file = root / DVC_YAML
    content: Any = parse(text_of(file, DVC_YAML), DVC_YAML) if file.exists() else {}
    return plot_specs(entries, content.get("plots") or [], _templates(root / ".dvc" / "plots"))


def _templates(folder: Path) -> dict[str, Any]:
    templates = {}
    for file in sorted(folder.glob("*.json")):
        try:
            templates[file.stem] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            continue  # `dvc plots show` reports the invalid file
    return templates
