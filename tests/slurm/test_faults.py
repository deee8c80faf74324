"""Faults during a run on SLURM: jobs, daemons, nodes and clients that vanish.

Each time the project ends as after `dvc repro`; or there is a clear failure, and a second
`dvc-bridge submit --wait` ends there. Nothing stays in the queue. SLURM_FAULTS says how many jobs
are cancelled or requeued at random (3), SLURM_SEED from which seed the moments come. Tests that
crash daemons need the SLURM of tests/slurm/one-node.
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cluster.client import Client, assert_as_dvc, assert_ends_well, submitted
from tests.cluster.projects import CHAIN, LAYERS, edit
from tests.slurm.conftest import NEEDS_SLURM, ONE_NODE, make, queue, slurm

pytestmark = NEEDS_SLURM
SUBMIT = ("submit", "--wait", "--fuse", "none")
NEEDS_ONE_NODE = pytest.mark.skipif(
    not Path(os.environ.get("SLURM_CONF") or "/none").with_name("slurmctld.pid").exists(),
    reason="needs the SLURM of tests/slurm/one-node",
)
# Kills the client that called it at the call with this number, before or after the real sbatch.
KILLING_SBATCH = """\
#!/bin/bash
case "$*" in *--test-only*) exec {sbatch} "$@" ;; esac
echo >> {calls}
[ "$(wc -l < {calls})" != {number} ] || [ {when} != before ] || {{ kill -KILL $PPID; exit 1; }}
{sbatch} "$@"
[ "$(wc -l < {calls})" != {number} ] || kill -KILL $PPID
"""


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = os.environ.get("SLURM_SEED") or str(time.time_ns())
    print(f"SLURM_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Path]:
    yield make(tmp_path / "ours", CHAIN)
    assert_queue_is_empty(tmp_path)


@pytest.fixture
def layers(tmp_path: Path) -> Iterator[Path]:
    yield make(tmp_path / "ours", LAYERS)
    assert_queue_is_empty(tmp_path)


def assert_queue_is_empty(folder: Path) -> None:
    """Check that no job of the runs of a test is left."""
    runs = {path.parent.name for path in folder.glob("ours/.dvc/tmp/dvc-bridge/slurm/*/job.sh")}
    assert runs
    assert not [job for run in runs for job in queue(run)]


def test_jobs_cancelled_or_requeued_at_random_leave_what_dvc_repro_leaves(
    layers: Path, chance: random.Random
) -> None:
    # DVC, too, appends entries and lines of .gitignore in the order in which stages first succeed.
    submitted(layers)
    assert_as_dvc(layers)
    done, healed, wanted = 0, 0, int(os.environ.get("SLURM_FAULTS", "3"))
    while done < wanted:
        edit(layers, f"{done}\n")
        with Client(layers, *SUBMIT) as client:
            client.until(lambda: client.run)
            while client.lives and done < wanted:
                time.sleep(chance.uniform(0, 6))
                begin_now(client.run or "")
                running = queue(client.run or "", "RUNNING") if client.lives else []
                if running:
                    job = chance.choice(running)
                    fault = chance.choice([["scancel"], ["scontrol", "requeue"]])
                    done += subprocess.run([*fault, job]).returncode == 0
            client.until(lambda: begin_now(client.run or ""))
            healed += client.ended() != 0
            assert_ends_well(layers, client)
    print(f"{done} faults; a second command was needed {healed} times")


def resume_node() -> None:
    """Let the node take jobs again; one that is only down may have come back by itself."""
    for _ in range(100):
        argv = ["scontrol", "update", "node=localhost", "state=resume"]
        subprocess.run(argv, capture_output=True)
        if slurm("sinfo", "--noheader", "--format=%T").strip() in ("idle", "mixed", "allocated"):
            return
        time.sleep(0.2)
    raise AssertionError(slurm("sinfo"))


def begin_now(run: str) -> None:
    """Let requeued jobs start soon: SLURM waits two minutes before it starts one again.

    Within a second of its last end, a node refuses a job as one that was killed.
    """
    waiting = subprocess.run(
        ["squeue", "--noheader", "--array", f"--name={run}", "--format=%i %r %S"],
        capture_output=True,
        text=True,
    )
    for line in waiting.stdout.splitlines():
        job, reason, start = line.split()
        if reason == "BeginTime" and start > f"{datetime.now() + timedelta(seconds=5):%FT%T}":
            subprocess.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"])
    time.sleep(0.5)


@NEEDS_ONE_NODE
@pytest.mark.parametrize("daemon", ["slurmctld", "slurmd"])
def test_a_daemon_that_crashes_and_comes_back_changes_nothing(chain: Path, daemon: str) -> None:
    with Client(chain, *SUBMIT) as client:
        client.until(lambda: client.run and queue(client.run, "RUNNING"))
        subprocess.run([ONE_NODE, "crash", daemon], check=True)
        time.sleep(3)
        subprocess.run([ONE_NODE, "start", daemon], check=True)

        def repair() -> None:
            resume_node()  # a controller that forgot a job drains the node that runs it
            begin_now(client.run or "")

        client.until(repair)
        resume_node()
        # A controller that forgot jobs gives their numbers again, and drains a node that has them.
        assert_ends_well(chain, client, repair)


@NEEDS_ONE_NODE
def test_the_tasks_of_a_node_that_fails_run_again(chain: Path) -> None:
    with Client(chain, *SUBMIT) as client:
        client.until(lambda: client.run and queue(client.run, "RUNNING"))
        slurm("scontrol", "update", "node=localhost", "state=down", "reason=test")
        time.sleep(2)

        def repair() -> None:
            resume_node()  # SLURM drains it if a job cannot start while its first processes live
            begin_now(client.run or "")

        client.until(repair)
        assert_ends_well(chain, client)


@NEEDS_ONE_NODE
def test_a_run_waits_while_its_node_is_drained(chain: Path) -> None:
    with Client(chain, *SUBMIT) as client:
        client.until(lambda: client.run and queue(client.run, "RUNNING"))
        slurm("scontrol", "update", "node=localhost", "state=drain", "reason=test")
        time.sleep(4)
        resume_node()
        assert client.ended() == 0, client.printed
    assert_as_dvc(chain)


@pytest.mark.parametrize(("number", "when"), [(1, "after"), (2, "before"), (2, "after")])
def test_a_client_killed_in_submit_runs_nothing_and_the_same_command_completes_it(
    chain: Path, number: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = slurm("sh", "-c", "command -v sbatch").strip()
    folder = chain.with_name("bin")
    folder.mkdir()
    program, calls = folder / "sbatch", folder / "calls"
    program.write_text(KILLING_SBATCH.format(sbatch=real, calls=calls, number=number, when=when))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        with Client(chain, *SUBMIT) as client:
            assert client.ended() == -9
    (run,) = (path.parent.name for path in chain.glob(".dvc/tmp/dvc-bridge/slurm/*/job.sh"))
    time.sleep(2)
    assert not queue(run, "RUNNING")
    assert not list(chain.glob(".dvc/tmp/dvc-bridge/slurm/*/events/*"))
    submitted(chain, "--fuse", "none")
    assert_as_dvc(chain)


def test_a_run_goes_on_without_its_client_and_collect_merges_it(chain: Path) -> None:
    with Client(chain, *SUBMIT) as client:
        client.until(lambda: client.run and queue(client.run, "RUNNING"))
        client.kill()
        run = client.run or ""
    for _ in range(600):
        if not queue(run):
            break
        time.sleep(0.2)
    with Client(chain, "collect", run) as client:
        client.until(lambda: "ran" in client.printed)
        client.kill()  # in the merge, or right after it
    with Client(chain, "collect", run) as client:
        assert client.ended() == 0, client.printed
    assert_as_dvc(chain)


def test_two_submits_at_once_end_as_one(chain: Path) -> None:
    with Client(chain, *SUBMIT) as one, Client(chain, *SUBMIT) as other:
        for client in (one, other):
            assert client.ended() in (0, 2), client.printed
            assert "Traceback" not in client.printed
    submitted(chain)
    assert_as_dvc(chain)
