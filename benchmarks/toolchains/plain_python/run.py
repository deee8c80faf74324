"""Run the tasks of graph.json one after the other in this process: nothing can cost less."""

import importlib
import json
import sys
from pathlib import Path

graph = json.loads(Path("graph.json").read_text())
main = importlib.import_module(graph["module"]).main
for task in graph["tasks"]:
    if main(task["arguments"]):
        sys.exit(f"{task['name']} failed")
