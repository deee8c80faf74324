"""The library for Metaflow flows: stages of a dvc.yaml as Metaflow steps.

from dvc_bridge.metaflow import begin_run, dvc_stage, workspace

class TrainFlow(FlowSpec):
@step
def start(self):
self.dvc = begin_run(ROOT)
self.next(self.featurize)

@dvc_stage(stage="featurize")
@step
def featurize(self):
make_features(workspace())      # reads the stage's deps there, writes its outs there
self.next(self.train)
"""

from .card import RunCard
from .current_workspace import workspace
from .decorator import dvc_stage
from .levels import begin_levels, groups, told, work  # codespell:ignore told
from .package import project_folder
from .project import dvc_project
from .read_out import read_out
from .run_artifact import DvcRun, begin_run

__all__ = [
    "DvcRun",
    "RunCard",
    "begin_levels",
    "begin_run",
    "dvc_project",
    "dvc_stage",
    "groups",
    "project_folder",
    "read_out",
    "told",  # codespell:ignore told
    "work",
    "workspace",
]
