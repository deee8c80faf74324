"""Check that an Argo controller runs, and that it knows what the settings use."""

from __future__ import annotations

import time
from contextlib import suppress
from secrets import token_hex
from typing import Any

from dvc_bridge.engines.argo.client import GROUP, Cluster
from dvc_bridge.engines.argo.pod_template import PENDING_TIMEOUT
from dvc_bridge.engines.argo.status import workflow_of
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError
from dvc_bridge.pipeline.settings_file import FILE

_CONTROLLER_S = 10.0


def check_controller(cluster: Cluster, *, has_pending_timeout: bool) -> str:
    """Check that a controller picks up a Workflow, and knows its fields.

    No object shows whether a controller is running, or its version. A controller writes the
    Workflow back without the fields that it does not know.

    Raises
    ------
    ApiError
        No controller starts the Workflow in time, or it ignores the `pending_timeout` of pods.
    """
    name = f"dvc-bridge-doctor-{token_hex(4)}"
    container = {"image": "none", "command": ["none"]}
    unused = {"name": "unused", PENDING_TIMEOUT: "1m", "container": container}
    cluster.create(
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name},
            "spec": {
                "entrypoint": "nothing",
                "ttlStrategy": {"secondsAfterCompletion": 60},
                "templates": [{"name": "nothing", "suspend": {"duration": "0"}}, unused],
            },
        }
    )
    try:
        workflow = _wait_for_start(cluster, name)
    finally:
        with suppress(ApiError):  # the finding counts; Argo also deletes it after a minute
            cluster.delete(name)
    templates = workflow["spec"]["templates"]
    if has_pending_timeout and not any(PENDING_TIMEOUT in template for template in templates):
        raise ApiError(
            NOT_FOUND,
            f"the Argo controller of {cluster.namespace} ignores pending_timeout: it is older than"
            " 4.1",
            f"upgrade Argo Workflows, or remove pending_timeout from {FILE}",
        )
    return "an Argo controller is running"


def _wait_for_start(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return the object of a Workflow that the controller has started."""
    start = time.monotonic()
    while time.monotonic() - start < _CONTROLLER_S:
        workflow = cluster.fetch(name)
        if workflow_of(workflow).started is not None:
            return workflow
        time.sleep(0.2)
    raise ApiError(
        NOT_FOUND,
        f"no Argo controller picked up a Workflow in {cluster.namespace}"
        f" within {_CONTROLLER_S:.0f} s",
        "check that workflow-controller runs and manages this namespace:"
        " kubectl get deployments -A | grep workflow-controller",
    )
