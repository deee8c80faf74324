"""Copy the metadata of Argo runs from the datastore, so that the Metaflow client can read them.

Without Metaflow's metadata service, a pod stores the metadata of its own task next to the task's
artifacts. For Argo runs, Metaflow does not copy it to the laptop, and `Run("TrainFlow/argo-...")`
finds nothing.
"""

from __future__ import annotations

from types import SimpleNamespace

from metaflow import get_metadata
from metaflow.exception import MetaflowException

from dvc_bridge.errors import StorageError


def bring_run(flow: str, run_id: str) -> None:
    """Copy the metadata of a run's finished tasks from the S3 datastore, if it is not here yet.

    Afterwards `Run(f"{flow}/{run_id}")` has its steps, artifacts, logs and cards. While a run is
    still running, later calls copy more. For other kinds of metadata or datastore, this function
    does nothing.

    Raises
    ------
    StorageError
        The datastore does not respond.
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
            # A task that is still running, such as that of a card, has not uploaded its metadata.
            if task.load_metadata(["local_metadata"])["local_metadata"]:
                sync_local_metadata_from_datastore(".metaflow", task)
            name_task(flow, run_id, task.step_name, task.task_id)
    except MetaflowException as exc:
        raise StorageError(
            f"cannot read the metadata of {flow}/{run_id}: {exc}", "try again"
        ) from exc


def name_task(flow: str, run_id: str, step: str, task_id: str) -> None:
    """Register a task in the local metadata, as on the machine that started the run.

    Metaflow does not do this in pods of `--with kubernetes`: without it, every card there fails
    with "Task(...) does not exist".
    """
    if not get_metadata().startswith("local@"):
        return
    from metaflow.metaflow_environment import MetaflowEnvironment  # noqa: PLC0415
    from metaflow.plugins.metadata_providers.local import LocalMetadataProvider  # noqa: PLC0415

    flow_like = SimpleNamespace(name=flow)
    provider = LocalMetadataProvider(MetaflowEnvironment(flow_like), flow_like, None, None)
    ids: tuple[str | None, ...] = (run_id, step, task_id)
    for depth, kind in enumerate(("flow", "run", "step", "task")):
        path = [*ids[:depth], *[None] * (len(ids) - depth)]
        provider._ensure_meta(kind, *path)
