"""The plots of a project, with the project's own plot templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.reading.top_level import read_section
from dvc_bridge.pipeline.plots import PlotSpec, plot_specs
from dvc_bridge.pipeline.stage import Pipeline


def read_plots(root: Path, pipeline: Pipeline) -> list[PlotSpec]:
    """Return the plots of all stages, and of the top level of each dvc.yaml.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    """
    entries = [(stage.wdir, stage.data) for stage in pipeline.stages if stage.name]
    top_level = read_section(root, pipeline, "plots")
    return plot_specs(entries, top_level, _templates(root / ".dvc" / "plots"))


def _templates(folder: Path) -> dict[str, Any]:
    templates = {}
    for file in sorted(folder.glob("*.json")):
        try:
            templates[file.stem] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # `dvc plots show` reports the invalid file
    return templates
