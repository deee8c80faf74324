"""The plots of a project's root dvc.yaml, its own templates read too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.pipeline.plots import PlotSpec, plot_specs
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline


def read_plots(root: Path, pipeline: Pipeline) -> list[PlotSpec]:
    """Return the plots of `root`/dvc.yaml and of all its stages.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    """
    entries = [(stage.wdir, stage.data) for stage in pipeline.stages if stage.name]
    file = root / DVC_YAML
    whole: Any = parse(text_of(file, DVC_YAML), DVC_YAML) if file.exists() else {}
    return plot_specs(entries, whole.get("plots") or [], _templates(root / ".dvc" / "plots"))


def _templates(folder: Path) -> dict[str, Any]:
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            found[file.stem] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            continue  # it is DVC that will say so, in `dvc plots show`
    return found
