"""Runs of Argo as the client sees them: their metadata brought here from the datastore.

Without Metaflow's metadata service a pod keeps what it knows of its own task beside the task's
artifacts; on Argo nobody brings it to the laptop, and `Run("TrainFlow/argo-...")` finds nothing.
"""

from __future__ import annotations

from types import SimpleNamespace

from metaflow import get_metadata
from metaflow.exception import MetaflowException

from dvc_bridge.errors import StorageError


def bring_run(flow: str, run_id: str) -> None:
    """Copy the metadata of a run's finished tasks from the S3 datastore, where it is not here yet.

    Afterwards `Run(f"{flow}/{run_id}")` has its steps, artifacts, logs and cards. A run that goes
    on has more the next time. Where metadata or datastore are of another kind nothing is done.

    Raises
    ------
    StorageError
        The datastore does not answer.
    """
    from metaflow.metaflow_config import DATASTORE_SYSROOT_S3, DEFAULT_DATASTORE  # noqa: PLC0415

    if not get_metadata().startswith("local@") or DEFAULT_DATASTORE != "s3":
        return
    from metaflow.datastore import FlowDataStore  # noqa: PLC0415  boto3 comes with it
    from metaflow.metadata_provider.util import sync_local_metadata_from_datastore  # noqa: PLC0415
    from metaflow.plugins.datastores.s3_storage import S3Storage  # noqa: PLC0415

    S3Storage.datastore_root = DATASTORE_SYSROOT_S3
    store = FlowDataStore(flow, storage_impl=S3Storage, ds_root=DATASTORE_SYSROOT_S3)
    try:
        for task in store.get_task_datastores(run_id):
            if task.step_name == "_parameters":
                continue
            # A task that ends just now, such as that of a card, has not sent its own yet.
            if task.load_metadata(["local_metadata"])["local_metadata"]:
                sync_local_metadata_from_datastore(".metaflow", task)
            name_task(flow, run_id, task.step_name, task.task_id)
    except MetaflowException as exc:
        raise StorageError(
            f"the metadata of {flow}/{run_id} cannot be read: {exc}", "try again"
        ) from exc


def name_task(flow: str, run_id: str, step: str, task_id: str) -> None:
    """Have the local metadata here know that there is a task; that is so where it was started.

    Pods of `--with kubernetes` do not have this from Metaflow: without it a card in one of them
    ends with "Task(...) does not exist", of whatever type it is.
    """
    if not get_metadata().startswith("local@"):
        return
    from metaflow.metaflow_environment import MetaflowEnvironment  # noqa: PLC0415
    from metaflow.plugins.metadata_providers.local import LocalMetadataProvider  # noqa: PLC0415

    named = SimpleNamespace(name=flow)
    provider = LocalMetadataProvider(MetaflowEnvironment(named), named, None, None)
    known: tuple[str | None, ...] = (run_id, step, task_id)
    for depth, kind in enumerate(("flow", "run", "step", "task")):
        place = [*known[:depth], *[None] * (len(known) - depth)]
        provider._ensure_meta(kind, *place)
