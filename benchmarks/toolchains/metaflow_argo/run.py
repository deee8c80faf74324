"""Deploy the flow to Argo Workflows, trigger it, wait until it has ended, and download its outs.

`run.py ARGO NAMESPACE PODS`: the path of Argo's program, and how many pods may run at a time.
"""

import subprocess
import sys
from pathlib import Path

argo, namespace, pods = sys.argv[1:]
flow = [sys.executable, "flow.py", "--package-suffixes", ".py,.txt", "argo-workflows"]
create = ["create", "--no-auto-emit-argo-events", "--max-workers", pods]
subprocess.run([*flow, *create], check=True)
subprocess.run([*flow, "trigger", "--run-id-file", "run-id"], check=True)
run = Path("run-id").read_text()
workflow = run.removeprefix("argo-")
subprocess.run([argo, "wait", "--namespace", namespace, workflow], check=True)
subprocess.run([sys.executable, "read_outs.py", run], check=True)
