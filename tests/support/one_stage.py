"""A project with one stage and a flow, for tests of single steps."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from dvc_bridge.metaflow import begin_run
from dvc_bridge.metaflow.run_artifact import DvcRun
from dvc_bridge.metaflow.step_state import StepState
from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.planning.run_cache_key import StageSpec
from tests.support.commands import dvc

LINE = "tr a-z A-Z < words > loud; mkdir d; cp loud d/x; echo '{\"auc\": 0.5}' > m.json"
STAGES = {"make": {"cmd": LINE, "deps": ["words"], "outs": ["d", "loud"], "metrics": ["m.json"]}}
FLOW = """
    import os
    import subprocess
    from pathlib import Path
    from metaflow import FlowSpec, Parameter, card, step
    from dvc_bridge.metaflow import begin_run, dvc_stage, read_out, workspace

    ROOT = Path(__file__).parent

    class Mini(FlowSpec):
        line = Parameter("line", default=LINE)
        fault = Parameter("fault", default=0)
        read = Parameter("read", default="")
        force = Parameter("force", is_flag=True, default=False)

        @step
        def start(self):
            self.dvc = begin_run(ROOT)
            self.next(self.make)

        @dvc_stage(stage="make")
        @step
        def make(self):
            if self.fault:
                raise OSError(self.fault, os.strerror(self.fault), "mine")
            subprocess.run(self.line, shell=True, check=True, cwd=workspace())
            self.next(self.end)

        @card(type="dvc_run")
        @step
        def end(self):
            if self.read:
                print("read", read_out(self.dvc, self.read))

    if __name__ == "__main__":
        Mini()
"""


def furnish(root: Path) -> None:
    """Create the project in an empty one, and run `dvc repro`."""
    (root / "words").write_text("abba\n")
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "flow.py").write_text(textwrap.dedent(FLOW).replace("=LINE", f"={LINE!r}"))
    dvc(root, "repro")


def make_of(root: Path) -> tuple[DvcRun, StageSpec, dict[str, Pointer]]:
    """Return the run, the spec and the dep pointers of a step of the stage `make`."""
    run = begin_run(root)
    spec = run["stages"]["make"]
    return run, spec, StepState(run, spec).deps
