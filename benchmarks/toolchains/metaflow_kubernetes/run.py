"""Run the flow in pods, or continue its last run, and download its outs.

`run.py COMMAND PODS`: `run` or `resume`, and how many pods may run at a time.
"""

import subprocess
import sys
from pathlib import Path

command, pods = sys.argv[1:]
subprocess.run(
    [
        *(sys.executable, "flow.py", "--package-suffixes", ".py,.txt", command),
        *("--with", "kubernetes", "--run-id-file", "run-id"),
        *("--max-workers", pods, "--max-num-splits", "2000"),
    ],
    check=True,
)
subprocess.run([sys.executable, "read_outs.py", Path("run-id").read_text()], check=True)
