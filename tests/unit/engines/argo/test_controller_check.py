"""What the controller writes back shows whether it runs, and whether it knows pending_timeout."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dvc_bridge.engines.argo import controller_check
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.controller_check import check_controller
from dvc_bridge.engines.argo.engine import ArgoEngine
from dvc_bridge.engines.kubernetes.errors import ApiError
from dvc_bridge.pipeline.parse_settings import parse_settings


class StoredWorkflow:
    """A cluster with a controller that writes back the fields of templates that it knows."""

    namespace = "team"

    def __init__(self, *known: str, is_running: bool = True) -> None:
        self._known, self._is_running = known, is_running
        self.workflow: dict[str, Any] | None = None

    def create(self, manifest: dict[str, Any]) -> None:
        templates = [
            {key: value for key, value in template.items() if key in self._known}
            for template in manifest["spec"]["templates"]
        ]
        status = {"phase": "Running", "startedAt": "2026-11-30T12:00:00Z"}
        self.workflow = {
            "metadata": manifest["metadata"],
            "spec": {**manifest["spec"], "templates": templates},
            "status": status if self._is_running else {},
        }

    def fetch(self, name: str) -> dict[str, Any]:
        assert self.workflow is not None
        assert self.workflow["metadata"]["name"] == name
        return self.workflow

    def delete(self, name: str) -> None:
        assert self.fetch(name)
        self.workflow = None


OLDER = ("name", "suspend", "container")


def test_a_controller_that_knows_pending_timeout_is_accepted() -> None:
    cluster = StoredWorkflow(*OLDER, "pendingTimeout")
    found = check_controller(cast("Cluster", cluster), has_pending_timeout=True)
    assert found == "an Argo controller is running"
    assert cluster.workflow is None


def test_an_older_controller_is_refused_only_if_a_stage_has_a_pending_timeout() -> None:
    cluster = StoredWorkflow(*OLDER)
    check_controller(cast("Cluster", cluster), has_pending_timeout=False)
    with pytest.raises(ApiError, match="of team ignores pending_timeout") as caught:
        check_controller(cast("Cluster", cluster), has_pending_timeout=True)
    assert "remove pending_timeout from dvc-bridge.yaml" in caught.value.fix
    assert cluster.workflow is None


def test_a_workflow_that_stays_as_it_was_created_shows_that_no_controller_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(controller_check, "_CONTROLLER_S", 0.3)
    cluster = StoredWorkflow(*OLDER, is_running=False)
    with pytest.raises(ApiError, match="no Argo controller picked up a Workflow in team"):
        check_controller(cast("Cluster", cluster), has_pending_timeout=True)
    assert cluster.workflow is None


def test_submit_sends_a_pending_timeout_only_to_a_controller_that_knows_it() -> None:
    slow = {"pending_timeout": "1m", "retries": 0}
    settings = parse_settings({"argo": {"image": "i"}, "stages": {"slow": slow}})
    older = ArgoEngine(cast("Cluster", StoredWorkflow(*OLDER)), settings)
    older.check_stages(["quick"])
    with pytest.raises(ApiError, match="of team ignores pending_timeout"):
        older.check_stages(["quick", "slow"])
    newer = ArgoEngine(cast("Cluster", StoredWorkflow(*OLDER, "pendingTimeout")), settings)
    newer.check_stages(["quick", "slow"])
