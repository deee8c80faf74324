"""Write the graphs of WfCommons as JSON: task -> the tasks that it waits for.

WfCommons (https://wfcommons.org) derives recipes from traces of real runs. The graphs are kept in
this repository, since its packages take 370 MB. To write them again:

    uv run --no-project --with wfcommons==1.6 benchmarks/comparison/wfcommons/generate.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from wfcommons import WorkflowGenerator
from wfcommons.wfchef.recipes import EpigenomicsRecipe, MontageRecipe

FOLDER = Path(__file__).resolve().parent
# The smallest sizes that the recipes allow.
RECIPES = {"montage": (MontageRecipe, 60), "epigenomics": (EpigenomicsRecipe, 45)}


def main() -> None:
    """Write one file per recipe."""
    for name, (recipe, n_tasks) in RECIPES.items():
        random.seed(0)
        np.random.seed(0)
        workflow = WorkflowGenerator(recipe.from_num_tasks(n_tasks)).build_workflow()
        parents = {task: sorted(workflow.predecessors(task)) for task in sorted(workflow.nodes)}
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(parents, indent=1) + "\n")
        print(f"{path.name}: {len(parents)} tasks")


if __name__ == "__main__":
    main()
