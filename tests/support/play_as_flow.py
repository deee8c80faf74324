"""Run `dvc-bridge flow`, its flow by Metaflow and `dvc-bridge sync` with the arguments of `repro`.

`main(["repro", ...])` changes a project as the three commands do; the equality lab plays cases with
it. The flow and Metaflow's own files are outside the project.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dvc_bridge.verify.against_dvc import without_jobs

NAME = "generated"
FLOW = "LabFlow"
DEADLINE_S = 600
FUSE = os.environ.get("EQUALITY_FUSE", "chains")
# Metaflow has no such options: a flow has a parameter for --force, and always keeps going.
_IGNORED = {"--plain", "-f", "--force", "-k", "--keep-going"}


def main(argv: Sequence[str]) -> int:
    """Play `repro` as a flow."""
    signal.alarm(DEADLINE_S)
    arguments = without_jobs(argv[1:])
    with tempfile.TemporaryDirectory() as name:
        os.environ.update(METAFLOW_USER="lab", METAFLOW_DATASTORE_SYSROOT_LOCAL=f"{name}/store")
        flow, bridge = str(Path(name) / "flow.py"), ["-m", "dvc_bridge"]
        targets = [argument for argument in arguments if argument not in _IGNORED]
        generate = [*bridge, "flow", "-o", flow, "--name", FLOW, "--fuse", FUSE, *targets]
        run = [flow, "--no-pylint", "run", "--run-id-file", f"{name}/run"]
        run += ["--force"] if {"-f", "--force"} & set(arguments) else []
        code, output = _python(generate)
        if code:
            return code
        code, output = _python(run, name)
        if alone := re.search(r"without a command: .*\n\s*.*fix: dvc repro (.*)", output):
            if subprocess.run([*_DVC, "repro", *alone[1].split()]).returncode:
                return code
            code, output = _python(run, name)
        run_id = Path(name, "run")
        if run_id.exists():
            partial = ["--partial"] if code else []
            _python([*bridge, "sync", f"{FLOW}/{run_id.read_text()}", *partial])
        return code


_DVC = [sys.executable, "-m", "dvc"]


def _python(arguments: Sequence[str], folder: str | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sys.stdout.write(done.stdout)
    return done.returncode, done.stdout
