"""The script of the jobs, run by bash without SLURM, and the script that `convert` writes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.engines.slurm.attempt import parse_events
from dvc_bridge.engines.slurm.export import submission_script
from dvc_bridge.engines.slurm.job_script import ScriptSpec, job_script
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.slurm_settings import SlurmSettings
from dvc_bridge.pipeline.task_settings import Resources
from tests.support.paths import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden" / "slurm"
AWKWARD = 'a\'b "c" $(touch hacked) `touch hacked`\n\\'
SETTINGS = {
    "slurm": {
        "partition": "cpu",
        "setup": ["module load python/3.11"],
        "python": "/shared/my env/bin/python",
        "work_dir": "$SCRATCH/dvc bridge",
        "container": "apptainer exec --nv '/shared/my image.sif'",
    }
}


class Job:
    """The script of a job in a folder, with a stub in the place of the interpreter.

    `growth` has the memory and the time of each attempt, as arguments.
    """

    growth = ("-", "-")

    def __init__(self, folder: Path, stub: str, slurm: SlurmSettings | None = None) -> None:
        self.folder = folder
        for name in ("events", "work"):
            (folder / name).mkdir()
        python = folder / "pyt'hon"
        python.write_text(f'#!/bin/bash\necho "$@" >> {folder}/calls\n{stub}\n')
        python.chmod(0o755)
        variables = {"DVC_BRIDGE_CODE": AWKWARD}
        self.script = folder / "job.sh"
        self.script.write_text(
            job_script(ScriptSpec("r", str(python), slurm or SlurmSettings(), variables))
        )

    def start(self, *references: str, **env: str) -> subprocess.Popen[bytes]:
        command = ["bash", str(self.script), "7", "2", *self.growth, *references]
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        mine = {"PATH": path, "TMPDIR": str(self.folder / "work"), **env}
        return subprocess.Popen(command, cwd=self.folder, env=mine)

    def run(self, *references: str, **env: str) -> int:
        return self.start(*references, **env).wait(60)

    @property
    def kinds(self) -> list[str]:
        """The events of the first index, without times."""
        lines = (self.folder / "events" / "7-0").read_text().splitlines()
        return [" ".join(line.split()[::2]) for line in lines]


def test_the_worker_of_the_index_runs_in_an_own_folder_that_is_removed(tmp_path: Path) -> None:
    job = Job(tmp_path, f'pwd > {tmp_path}/at; printf %s "$DVC_BRIDGE_CODE" > {tmp_path}/code')
    assert job.run("0:0:1", "-", "5:6:7", SLURM_ARRAY_TASK_ID="2", SLURMD_NODENAME="n1") == 0
    assert (tmp_path / "calls").read_text() == "-m dvc_bridge worker 5:6:7\n"
    assert (tmp_path / "code").read_text() == AWKWARD
    assert (tmp_path / "at").read_text().startswith(f"{tmp_path}/work/dvc-bridge.")
    assert not list((tmp_path / "work").iterdir())
    events = parse_events((tmp_path / "events" / "7-2").read_text())
    assert (events.starts, events.node, events.code) == (1, "n1", 0)


def test_a_failing_command_is_not_tried_again(tmp_path: Path) -> None:
    job = Job(tmp_path, "exit 1")
    assert job.run("0:0:1") == 1
    assert job.kinds[-1] == "end 1"
    assert len(job.kinds) == 2


def test_a_worker_that_is_killed_is_started_again_at_most_twice(tmp_path: Path) -> None:
    job = Job(tmp_path, "kill -KILL $$")
    assert job.run("0:0:1") == 137
    assert [kind.split()[0] for kind in job.kinds] == ["start", "start", "start", "end"]


def test_what_a_killed_worker_leaves_behind_is_killed(tmp_path: Path) -> None:
    job = Job(tmp_path, f"sleep 600 & echo $! > {tmp_path}/left; exit 0")
    assert job.run("0:0:1") == 0
    left = int((tmp_path / "left").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(left, 0)
            time.sleep(0.05)


def test_a_job_that_is_stopped_waits_for_its_worker_and_is_not_tried_again(tmp_path: Path) -> None:
    on_signal = f"trap 'echo stopped > {tmp_path}/noted; exit 143' TERM"
    stub = f"{on_signal}; touch {tmp_path}/up; sleep 60 & wait"
    job = Job(tmp_path, stub)
    process = job.start("0:0:1")
    while not (tmp_path / "up").exists():
        time.sleep(0.02)
    worker = next(
        int(p.name) for p in Path("/proc").glob("[0-9]*") if _runs(p, tmp_path / "pyt'hon")
    )
    for pid in (process.pid, worker):  # SLURM signals all processes of a job
        os.kill(pid, signal.SIGTERM)
    assert process.wait(30) == 143
    assert (tmp_path / "noted").read_text() == "stopped\n"
    assert job.kinds[-1] == "stopped 143"
    assert parse_events((tmp_path / "events" / "7-0").read_text()).code is None


def _runs(process: Path, program: Path) -> bool:
    try:
        return str(program).encode() in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def test_a_job_that_was_restarted_too_often_ends(tmp_path: Path) -> None:
    job = Job(tmp_path, "exit 0")
    assert job.run("0:0:1", SLURM_RESTART_COUNT="3") == 75
    assert job.kinds == ["lost 75"]
    assert parse_events((tmp_path / "events" / "7-0").read_text()).is_lost


class GrowingJob(Job):
    """A job of an array whose attempts have more memory and time each, with a stub of scontrol."""

    growth = ("100,200,400", "60,90")

    def __init__(self, folder: Path, stub: str) -> None:
        # Each worker that ends with 9 was killed because the memory of the job was full.
        is_killed = f"kills() {{ cat {folder}/codes 2>/dev/null | grep -c 9; }}"
        super().__init__(folder, stub, SlurmSettings(setup=(is_killed,)))
        (folder / "bin").mkdir()
        scontrol = folder / "bin" / "scontrol"
        scontrol.write_text(f'#!/bin/bash\necho "$@" >> {folder}/asked\n')
        scontrol.chmod(0o755)

    def run_again(self, restarts: int) -> int:
        """Run the job as SLURM does after so many restarts."""
        return self.run(
            "0:0:1",
            SLURM_JOB_ID="11",
            SLURM_ARRAY_JOB_ID="10",
            SLURM_ARRAY_TASK_ID="0",
            SLURM_RESTART_COUNT=str(restarts),
        )

    @property
    def asked(self) -> list[str]:
        """The calls of scontrol."""
        return (self.folder / "asked").read_text().splitlines()


def ending(folder: Path, *codes: int) -> str:
    """Return a stub that notes its time limit, and ends with these exit codes in turn."""
    return f"""
        echo ${{DVC_BRIDGE_TIMEOUT-none}} >> {folder}/limits
        echo $DVC_BRIDGE_RETRIES >> {folder}/retries
        codes=({" ".join(map(str, codes))})
        code=${{codes[$(wc -l < {folder}/calls) - 1]}}
        echo $code >> {folder}/codes
        exit $code"""


def test_a_task_that_needs_more_memory_queues_its_job_again_with_more(tmp_path: Path) -> None:
    job = GrowingJob(tmp_path, ending(tmp_path, 9, 9, 9))
    assert [job.run_again(restarts) for restarts in range(3)] == [9, 9, 9]
    assert job.asked == [
        "requeue 10_0",
        "update jobid=10_0 minmemorynode=200",
        "requeue 10_0",
        "update jobid=10_0 minmemorynode=400",
    ]
    assert [kind.split()[0] for kind in job.kinds] == ["start", "lacks"] * 3 + ["end"]
    assert (tmp_path / "limits").read_text().split() == ["60", "90", "90"]
    assert (tmp_path / "retries").read_text().split() == ["0", "1", "2"]
    events = parse_events((tmp_path / "events" / "7-0").read_text())
    assert (events.code, events.lacks, events.starts) == (9, "memory", 3)
    assert events.earlier_lacks == ("memory", "memory")


def test_a_task_that_needs_more_time_queues_its_job_again_once(tmp_path: Path) -> None:
    job = GrowingJob(tmp_path, ending(tmp_path, 124, 124))
    assert [job.run_again(restarts) for restarts in range(2)] == [124, 124]
    assert job.asked == ["requeue 10_0", "update jobid=10_0 minmemorynode=200"]
    assert job.kinds[-2:] == ["lacks time", "end 124"]


def test_attempts_with_more_memory_are_not_retries(tmp_path: Path) -> None:
    job = GrowingJob(tmp_path, ending(tmp_path, 9, 9, 0))
    assert [job.run_again(restarts) for restarts in (0, 1, 4)] == [9, 9, 0]
    assert job.run_again(5) == 75
    assert job.kinds[-1] == "lost 75"


def test_a_command_that_fails_in_a_task_that_may_grow_is_not_tried_again(tmp_path: Path) -> None:
    job = GrowingJob(tmp_path, ending(tmp_path, 1))
    assert job.run_again(0) == 1
    assert job.kinds[-1] == "end 1"
    assert not (tmp_path / "asked").exists()


def test_a_job_that_cannot_be_queued_again_fails(tmp_path: Path) -> None:
    job = GrowingJob(tmp_path, ending(tmp_path, 9))
    (tmp_path / "bin" / "scontrol").write_text("#!/bin/bash\nexit 1\n")
    assert job.run_again(0) == 9
    assert job.kinds[-1] == "end 9"


def test_setup_runs_before_the_worker_and_the_container_around_it(tmp_path: Path) -> None:
    settings = SlurmSettings(setup=("export FROM=setup",), container=("env", "IN=a b"))
    job = Job(tmp_path, f'echo "$FROM $IN" > {tmp_path}/seen', settings)
    assert job.run("0:0:1") == 0
    assert (tmp_path / "seen").read_text() == "setup a b\n"


def tasks() -> list[TaskSpec]:
    """Return a stage, two that read its out, and one that reads theirs."""
    cpu = Resources(cpu="1", memory="1Gi", retries=1)
    specs = [("prep", (), cpu), ("part@a", (0,), cpu), ("part@\n'b'", (0,), cpu)]
    specs.append(("join", (1, 2), Resources(gpu=1, timeout=90)))
    return [
        TaskSpec(TaskNumber(n), f"{n}:{n}", (name,), tuple(map(TaskNumber, up)), (), resources)
        for n, (name, up, resources) in enumerate(specs)
    ]


def test_convert_writes_one_readable_script() -> None:
    settings = parse_settings(SETTINGS)
    variables = {"DVC_BRIDGE_RUN": "", "DVC_BRIDGE_STORE": AWKWARD, "DVC_BRIDGE_REPO": "/repo"}
    text = submission_script(tasks(), name="demo", variables=variables, settings=settings)
    assert text == (GOLDEN / "submission.sh").read_text()
    assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0
