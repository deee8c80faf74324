"""Queue one experiment per task of graph.json, start the workers, wait for the last."""

import json
import subprocess
import sys
import time
from pathlib import Path

tasks = json.loads(Path("graph.json").read_text())["tasks"]
for task in tasks:
    arguments = task["arguments"]
    subprocess.run(
        [
            *("dvc", "exp", "run", "--queue", "--quiet", "--name", task["name"]),
            *("--set-param", f"out={arguments[2]}"),
            *("--set-param", f"arguments={' '.join(arguments)}"),
        ],
        check=True,
    )
subprocess.run(["dvc", "queue", "start", "--jobs", sys.argv[1]], check=True)
while True:
    status = subprocess.run(["dvc", "queue", "status"], check=True, capture_output=True, text=True)
    if "Queued" not in status.stdout and "Running" not in status.stdout:
        break
    time.sleep(0.5)
sys.exit("an experiment failed" if "Failed" in status.stdout else 0)
