"""The limits of a site, by what SLURM 22.05 prints about partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dvc_bridge.engines.slurm import limits, watch
from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.queue import QueuedJob
from dvc_bridge.errors import StorageError, UsageError
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.project_settings import Settings

MAIN = (
    "PartitionName=main AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES"
    " QoS=N/A DefaultTime=NONE MaxNodes=UNLIMITED MaxTime=1-12:30:00 MinNodes=0 Nodes=localhost"
    " State=UP TotalCPUs=8 TotalNodes=1 DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED"
)
GPU = MAIN.replace("main", "gpu").replace("Default=YES", "Default=NO")
GPU = GPU.replace("TotalCPUs=8", "TotalCPUs=64").replace(
    "DefMemPerNode=UNLIMITED", "DefMemPerCPU=1000"
)


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site with two partitions."""

    def run_command(argv: Sequence[str]) -> str:
        assert tuple(argv[:4]) == ("scontrol", "--oneliner", "show", "partition")
        lines = {"main": MAIN, "gpu": GPU}
        return f"{lines[argv[4]]}\n" if len(argv) > 4 else f"{GPU}\n{MAIN}\n"

    config = {"SelectTypeParameters": "CR_CORE_MEMORY", "MaxJobCount": "400", "MaxArraySize": "11"}
    monkeypatch.setattr(limits, "run_command", run_command)
    monkeypatch.setattr(limits, "controller_settings", lambda: config)
    monkeypatch.setattr(limits, "setting", lambda name, _: int(config[name]))
    monkeypatch.setattr(limits, "check_options", lambda _: None)


def settings(slurm: object = None, **stages: object) -> Settings:
    """Return settings."""
    return parse_settings({"slurm": slurm, "stages": {"*": stages} if stages else {}})


def test_without_a_name_the_default_partition_counts() -> None:
    chosen = limits.partition("")
    assert chosen == limits.Partition("main", 8, 1, has_memory=False, most_minutes=2190)


def test_as_many_tasks_run_at_a_time_as_the_partition_has_cpus_for() -> None:
    assert limits.costs(settings(memory="1Gi")).slots == 8
    assert limits.costs(settings(memory="1Gi", cpu="3")).slots == 2
    assert limits.costs(settings({"partition": "gpu"})).slots == 64


def test_tasks_without_memory_run_one_per_node_if_the_site_has_no_default() -> None:
    assert limits.costs(settings()).slots == 1
    assert limits.needs_memory(settings(), ["a"]) == ["a"]
    assert limits.needs_memory(settings(memory="1Gi"), ["a"]) == []
    assert limits.needs_memory(settings({"partition": "gpu"}), ["a"]) == []


def test_the_limits_of_the_controller_bound_tasks_and_arrays() -> None:
    assert limits.costs(settings()).pods == 200
    assert limits.array_size() == 10


def test_a_plan_needs_no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_command(_: Sequence[str]) -> str:
        raise UsageError("the command scontrol of SLURM is not installed on this machine")

    monkeypatch.setattr(limits, "run_command", run_command)
    assert limits.costs(settings()).slots > 1


def test_a_time_above_the_limit_of_the_partition_is_refused() -> None:
    limits.check_job(["--time=2190"])
    with pytest.raises(UsageError, match="2191 minutes are above the limit of partition main"):
        limits.check_job(["--time=2191"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("UNLIMITED", None), ("1-00:00:00", 1440), ("02:30:00", 150), ("05:00", 5)],
)
def test_times_are_read_in_minutes(text: str, expected: int | None) -> None:
    assert limits.minutes(text) == expected


def test_a_hold_that_the_controller_forgot_to_lift_is_lifted_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = [task(0), task(1) | {"options": ["--mem=1M"]}]
    record = {"run": "r", "tasks": described, "array_size": 10}
    attempt = Attempt.create(tmp_path_factory.mktemp("attempts") / "r", record, "")
    for job, slurm_id in zip(attempt.jobs, ("1", "2"), strict=True):
        attempt.note_job(job, slurm_id)
    attempt.mark("released")
    released: list[Sequence[str]] = []
    monkeypatch.setattr(watch, "release_jobs", released.append)
    waits = {n: QueuedJob(n, 0, "PENDING", "Priority", run="r", attempt="r") for n in "12"}
    held = {n: QueuedJob(n, 0, "PENDING", "JobHeldUser", run="r", attempt="r") for n in "12"}
    free: set[tuple[str, int]] = set()
    watch._release_again(attempt, list(waits.values()), free)
    (attempt.folder / "events" / "0-0").write_text("start 1 n\n")
    for _ in range(2):  # a user may hold the second job, which has not started
        watch._release_again(attempt, list(held.values()), free)
    assert released == [["1"]]


def test_a_job_that_a_node_could_not_start_is_released(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt.create(
        tmp_path_factory.mktemp("attempts") / "r",
        {"run": "r", "tasks": [task(0), task(1)], "array_size": 10},
        "",
    )
    attempt.note_job(attempt.jobs[0], "7")
    attempt.mark("released")
    released: list[Sequence[str]] = []
    monkeypatch.setattr(watch, "release_jobs", released.append)
    reason = "launch failed requeued held"
    held = [
        QueuedJob("7", 1, "PENDING", reason, restarts=n, run="r", attempt="r") for n in (1, 1, 2)
    ]
    free: set[tuple[str, int]] = set()
    for job in held:
        watch._release_again(attempt, [job], free)
    assert released == [["7_1"], ["7_1"]]


def task(number: int) -> dict[str, Any]:
    """Return the record of a task."""
    waits: dict[str, Any] = {"upstream": [], "after": [], "options": [], "retries": 0}
    return {"number": number, "reference": f"{number}:0:1", "stages": [f"s{number}"], **waits}


def test_a_controller_that_does_not_respond_for_a_while_does_not_end_a_watch(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"run": "r", "tasks": [task(0)], "array_size": 10}
    attempt = Attempt.create(tmp_path_factory.mktemp("attempts") / "r", record, "")
    attempt.note_job(attempt.jobs[0], "1")
    attempt.mark("released")
    calls = 0

    def queued_jobs(_: str) -> list[QueuedJob]:
        nonlocal calls
        calls += 1
        if calls == 1:
            return [QueuedJob("1", 0, "RUNNING", "None", run="r", attempt="r")]
        (attempt.folder / "events" / "0-0").write_text("start 1 n\nend 2 0\n")
        raise StorageError("the controller of SLURM does not respond")

    monkeypatch.setattr(watch, "queued_jobs", queued_jobs)
    monkeypatch.setattr(watch, "pause_s", lambda _: 0.0)
    monkeypatch.setattr(watch, "accounted_jobs", lambda _: [])
    phases = [status.phase for status in watch.watch_attempt(attempt)]
    assert phases == ["Running", "Succeeded"]
