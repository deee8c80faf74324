"""Write the graphs of WfCommons as JSON: task -> the tasks that it waits for.

WfCommons (https://wfcommons.org) derives recipes from traces of real runs, WfInstances
(https://github.com/wfcommons/WfInstances). The graphs, which contain nothing but names and
dependencies, are kept in this repository, since its packages take 370 MB. To write them again:

    uv run --no-project --with wfcommons==1.6 benchmarks/comparison/wfcommons/generate.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from wfcommons import WorkflowGenerator
from wfcommons.wfchef.recipes import (
    EpigenomicsRecipe,
    GenomeRecipe,
    MontageRecipe,
    SeismologyRecipe,
)
from wfcommons.wfchef.wfchef_abstract_recipe import WfChefWorkflowRecipe

FOLDER = Path(__file__).resolve().parent
# Each recipe with the size that is asked for: about the smallest that it allows, and 1,000.
RECIPES = {
    "montage": (MontageRecipe, 60),
    "epigenomics": (EpigenomicsRecipe, 45),
    "1000genome": (GenomeRecipe, 60),
    "seismology": (SeismologyRecipe, 105),
}
LARGE = 1000


def main() -> None:
    """Write two files per recipe."""
    for name, (recipe, n_tasks) in RECIPES.items():
        write(recipe, n_tasks, FOLDER / f"{name}.json")
        write(recipe, LARGE, FOLDER / f"{name}-{LARGE}.json")


def write(recipe: type[WfChefWorkflowRecipe], n_tasks: int, path: Path) -> None:
    """Write a graph, a task per line, with the task's number without zeros before it."""
    random.seed(0)
    np.random.seed(0)
    workflow = WorkflowGenerator(recipe.from_num_tasks(n_tasks)).build_workflow()
    names = {task: shorten(task) for task in workflow.nodes}
    lines = [
        f"{json.dumps(names[task])}: {json.dumps(sorted(map(names.get, parents)))}"
        for task, parents in sorted((task, workflow.predecessors(task)) for task in names)
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path.name}: {len(lines)} tasks")


def shorten(task: str) -> str:
    """Return the name of a task, for example mAdd_18 for mAdd_00000018."""
    name, _, number = task.rpartition("_")
    return f"{name}_{int(number)}"


if __name__ == "__main__":
    main()
