"""Start several `dvc repro` at the same time, each with a share of the targets, as the docs advise.

https://dvc.org/doc/command-reference/repro#parallel-stage-execution
"""

import subprocess
import sys

jobs, targets = int(sys.argv[1]), sys.argv[2:]
shares = [share for n in range(jobs) if (share := targets[n::jobs])]
processes = [subprocess.Popen(["dvc", "repro", *share]) for share in shares]
sys.exit(max(process.wait() for process in processes))
