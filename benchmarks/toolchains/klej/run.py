"""Run `klej repro`, then wait for its jobs: klej ends when they are submitted.

`run.py KLEJ`, with the path of klej's program.
"""

import subprocess
import sys
import time
from pathlib import Path

submitted = subprocess.run([sys.argv[1], "repro"], check=True, capture_output=True, text=True)
print(submitted.stdout, submitted.stderr, sep="")
# The folder of each job that is waiting or running.
query = ["squeue", "--me", "--noheader", "--format=%Z"]
while str(Path.cwd()) in subprocess.run(query, check=True, capture_output=True, text=True).stdout:
    time.sleep(0.1)
