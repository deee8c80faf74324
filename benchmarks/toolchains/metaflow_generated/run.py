"""Run a flow that uses DVC, then merge its results into dvc.lock.

`run.py FILE NAME JOBS`, or to continue the last run `run.py FILE NAME JOBS resume`.
"""

import subprocess
import sys
from pathlib import Path

file, name, jobs, *rest = sys.argv[1:]
subprocess.run(
    [
        *(sys.executable, file, *(rest or ["run"]), "--run-id-file", "run-id"),
        *("--max-workers", jobs, "--max-num-splits", "2000"),
    ],
    check=True,
)
subprocess.run(["dvc-bridge", "sync", f"{name}/{Path('run-id').read_text()}"], check=True)
