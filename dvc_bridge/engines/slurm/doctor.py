"""The checks of `dvc-bridge doctor` for SLURM; the last one, a short job, is in doctor_job.py."""

from __future__ import annotations

from collections.abc import Iterator

from dvc_bridge.dvcio.project import Project
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.slurm.commands import (
    cluster_name,
    controller_settings,
    setting,
)
from dvc_bridge.engines.slurm.doctor_job import check_node
from dvc_bridge.engines.slurm.job_options import most_options
from dvc_bridge.engines.slurm.limits import check_job, costs, needs_memory
from dvc_bridge.engines.slurm.queue import has_accounting
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.stage import Pipeline

_SHOWN = 5


def doctor(project: Project, pipeline: Pipeline, settings: Settings) -> Iterator[Finding]:
    """Yield the result of each check."""
    try:
        version = controller_settings().get("SLURM_VERSION", "unknown version")
        slots = costs(settings).slots
        yield Finding(
            "slurm", True, f"{version}, cluster {cluster_name()}, {slots} tasks at a time"
        )
    except BridgeError as exc:
        yield Finding("slurm", False, exc.message, exc.fix)
        return
    yield _accounting()
    jobs = list(_jobs(pipeline, settings))
    yield from jobs
    yield from _memory(pipeline, settings)
    if all(finding.is_ok for finding in jobs):
        yield from check_node(project, settings)


def _accounting() -> Finding:
    kept_s = setting("MinJobAge", 300)
    if has_accounting():
        return Finding("accounting", True, "sacct knows jobs that have ended")
    return Finding("accounting", True, f"none: SLURM forgets a job {kept_s} s after its end")


def _jobs(pipeline: Pipeline, settings: Settings) -> Iterator[Finding]:
    """Yield whether SLURM would accept the stages, by the options of their jobs."""
    by_options: dict[tuple[str, ...], list[str]] = {}
    for stage in pipeline.stages:
        if stage.for_pods:
            pod = settings.pod(stage.address)
            options = most_options(pod, pod.longest_timeout, settings.slurm)
            by_options.setdefault(options, []).append(stage.address)
    for options, addresses in by_options.items():
        names = first_names(addresses, _SHOWN)
        try:
            check_job(options)
            yield Finding("jobs", True, f"{' '.join(options)}: accepted for {names}")
        except BridgeError as exc:
            yield Finding("jobs", False, f"{names}: {exc.message}", exc.fix)


def _memory(pipeline: Pipeline, settings: Settings) -> Iterator[Finding]:
    """Yield a warning if jobs would get all memory of their node."""
    try:
        stages = needs_memory(settings, [s.address for s in pipeline.stages if s.for_pods])
    except BridgeError:
        return  # the partition is wrong, which the other checks report
    if stages:
        yield Finding(
            "memory",
            None,
            f"{first_names(stages, _SHOWN)} would get all memory of a node, one task at a time",
            f"set memory of the stages in {FILE}: this site has no default",
        )
