"""Errors outside dvc.yaml: one message, the right exit code, and no loss."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.commands import dvc

STAGES = """
stages:
  one: {cmd: cp raw a, deps: [raw], outs: [a]}
  two: {cmd: mkdir -p d && cp a d/x && echo y > d/y, deps: [a], outs: [d]}
"""
# Without these capabilities, root must respect the modes of files like other users.
RIGHTS = "-dac_override,-dac_read_search"
BY_MODES = [] if os.geteuid() else ["setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}"]
OWN_MOUNTS = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]


class Ran(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    said: str


def run(root: Path, *args: str, prefix: Sequence[str] = ()) -> Ran:
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "dvc_bridge", *args],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stdout
    return Ran(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    dvc(root, "init", "--no-scm", "--quiet")
    (root / "dvc.yaml").write_text(STAGES)
    (root / "raw").write_text("1\n")
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    root = tmp_path / "p"
    shutil.copytree(built, root)
    return root


def the_object(root: Path, bytes_: bytes) -> Path:
    """Return the cache object with this content."""
    return next(
        file for file in (root / ".dvc/cache/files/md5").glob("*/*") if file.read_bytes() == bytes_
    )


def damage(file: Path) -> None:
    """Change the content of an object without other traces, as a broken disk would."""
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    file.chmod(0o444)


def test_a_damaged_object_is_not_restored_and_named_with_exit_code_3(project: Path) -> None:
    assert run(project, "repro").code == 0
    damaged = the_object(project, b"1\n")
    damage(damaged)
    (project / "a").unlink()
    (project / "dvc.lock").unlink()
    ran = run(project, "repro")
    assert ran.code == 3
    assert f"one: {damaged}: its bytes do not match its name\nfix: delete it" in ran.said
    assert not (project / "a").exists()
    assert not (project / "dvc.lock").exists()

    damaged.unlink()
    assert run(project, "repro").code == 0
    assert (project / "a").read_text() == "1\n"


def test_a_damaged_file_of_a_folder_is_named_too(project: Path) -> None:
    assert run(project, "repro").code == 0
    damaged = the_object(project, b"y\n")
    damage(damaged)
    shutil.rmtree(project / "d")
    (project / "dvc.lock").unlink()
    ran = run(project, "repro")
    assert ran.code == 3
    assert f"two: {damaged}: its bytes" in ran.said
    assert "one" in (project / "dvc.lock").read_text()


def test_a_damaged_entry_of_the_run_cache_means_that_the_stage_runs(project: Path) -> None:
    assert run(project, "repro").code == 0
    for entry in (project / ".dvc/cache/runs").glob("*/*/*"):
        entry.write_text("{[")
    (project / "dvc.lock").unlink()
    assert run(project, "plan").said.startswith("2 stages: runs 1, may run 1\n")
    ran = run(project, "repro")
    assert (ran.code, ran.said.splitlines()[-1].split(" (")[0]) == (0, "2 ran")


MISSING: dict[str, tuple[Callable[[Path], object], str]] = {
    "dep": (lambda root: (root / "raw").unlink(), "dependency raw does not exist"),
    "params file": (
        lambda root: (root / "dvc.yaml").write_text(
            STAGES.replace("deps: [raw]", "deps: [raw], params: [x]")
        ),
        "parameters file params.yaml does not exist",
    ),
}


@pytest.mark.parametrize(("lose", "said"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_no_failed_command(
    project: Path, lose: Callable[[Path], object], said: str
) -> None:
    lose(project)
    planned = [line.strip() for line in run(project, "plan").said.splitlines()]
    first = planned.index("fails       one: never run (no dvc.lock entry)")
    assert planned[first + 1] == said
    ran = run(project, "repro")
    assert ran.code == 2
    assert f"dvc-bridge: one: {said}\nfix: restore what is missing" in ran.said


def test_a_failed_command_outranks_what_is_missing_and_both_are_reported(project: Path) -> None:
    (project / "dvc.yaml").write_text(
        "stages:\n  lost: {cmd: x, deps: [no]}\n  bad: {cmd: exit 3, deps: [raw]}\n"
    )
    ran = run(project, "repro", "-k")
    assert ran.code == 1
    assert "lost: dependency no does not exist\n" in ran.said
    assert "bad: `exit 3` exited with 3\n" in ran.said
    assert "\nfix: restore what is missing" in ran.said
    assert "\nwhat the commands printed is in " in ran.said


def sealed(root: Path, name: str) -> Path:
    """Make a folder or file of the project one that is not writable."""
    path = root / name
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o555)
    return path


def test_a_cache_that_is_not_writable_is_reported_before_a_command_runs(project: Path) -> None:
    cache = sealed(project, ".dvc/cache")
    ran = run(project, "repro", prefix=BY_MODES)
    assert ran.code == 2
    assert f"dvc-bridge: one: {cache} is not writable\nfix: chown it, or dvc cache" in ran.said
    assert not (project / "a").exists()
    assert (
        f"wrong  cache     {cache} is not writable" in run(project, "doctor", prefix=BY_MODES).said
    )


@pytest.mark.parametrize("command", ["plan", "repro", "doctor"])
def test_a_project_that_may_not_be_written_to_is_refused_by_file(
    project: Path, command: str
) -> None:
    folder = sealed(project, ".dvc/tmp")
    (folder / "lock").unlink(missing_ok=True)
    ran = run(project, command, prefix=BY_MODES)
    assert ran.code == 2
    assert f"{folder}/lock: Permission denied\n" in ran.said
    assert "fix: grant this user the permission" in ran.said


def test_a_remote_that_rejects_all_users_is_reported_once_and_blames_no_stage(
    project: Path,
) -> None:
    store = project.parent / "store"
    (store / "runs").mkdir(parents=True)
    (store / "runs").chmod(0)
    dvc(project, "remote", "add", "--quiet", "-d", "store", str(store))
    (project / "dvc-bridge.yaml").write_text("argo: {image: 'team:1'}\n")
    ran = run(project, "submit", prefix=BY_MODES)
    assert ran.code == 2
    assert ran.said.startswith(f"dvc-bridge: remote store ({store}): PermissionError: ")
    assert ran.said.count("fix: ") == ran.said.count("fix: correct its credentials") == 1


def test_a_dep_that_may_not_be_read_is_named_by_plan_and_repro(project: Path) -> None:
    (project / "raw").chmod(0)
    said = f"one: {project}/raw: Permission denied\n"
    assert f"fails       {said}" in run(project, "plan", prefix=BY_MODES).said
    ran = run(project, "repro", prefix=BY_MODES)
    assert ran.code == 2
    assert f"dvc-bridge: {said}" in ran.said


def test_a_pipe_in_place_of_a_file_is_reported_and_not_waited_for(project: Path) -> None:
    (project / "raw").unlink()
    os.mkfifo(project / "raw")
    assert "fails       one: dep raw is a named pipe\n" in run(project, "plan").said
    ran = run(project, "repro")
    assert ran.code == 2
    assert "dvc-bridge: one: dep raw is a named pipe\nfix: replace it with a file" in ran.said
    (project / "dvc.yaml").unlink()
    os.mkfifo(project / "dvc.yaml")
    ran = run(project, "plan")
    assert ran.code == 2
    assert "dvc-bridge: dvc.yaml is a named pipe, not a file\nfix: " in ran.said


@pytest.fixture
def small_disk(project: Path) -> Callable[[str], Ran]:
    """Run shell lines in a copy of the project on a 2 MiB disk."""

    def on_disk(lines: str) -> Ran:
        folder = project.parent / "small"
        folder.mkdir(exist_ok=True)
        small, source = shlex.quote(str(folder)), shlex.quote(str(project))
        script = (
            f"mount -t tmpfs -o size=2m none {small}; cd {small}; cp -r {source}/. .;"
            f" set +e; {lines}"
        )
        done = subprocess.run(
            [*OWN_MOUNTS, script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "BRIDGE": f"{sys.executable} -m dvc_bridge"},
        )
        assert "Traceback" not in done.stdout
        return Ran(done.returncode, done.stdout)

    if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no user namespace, so no small disk can be mounted")
    return on_disk


def test_a_full_disk_stops_the_run_with_the_file_and_what_finished_is_kept(
    project: Path, small_disk: Callable[[str], Ran]
) -> None:
    (project / "dvc.yaml").write_text(
        "stages:\n"
        "  one: {cmd: cp raw a; echo one >> ran, deps: [raw], outs: [a]}\n"
        "  big: {cmd: head -c 3000000 /dev/zero > big, deps: [a], outs: [big]}\n"
    )
    ran = small_disk(
        "$BRIDGE repro; echo code $?; rm -f big; $BRIDGE repro one; echo code $?; cat ran"
    )
    first, second = ran.said.split("code 1\n")
    assert "big | head: error writing 'standard output': No space left on device" in first
    # Its entry was written before the next command started.
    assert second.startswith("1 unchanged")
    assert "code 0\none\n" in second


def test_a_disk_that_is_full_from_the_start_is_reported(small_disk: Callable[[str], Ran]) -> None:
    ran = small_disk(
        "head -c 3000000 /dev/zero > fill 2> /dev/null;"
        "$BRIDGE plan; echo code $?; $BRIDGE repro; echo code $?"
    )
    planned, run_ = ran.said.split("code 0\n")
    assert planned.startswith("2 stages: runs 2\n")
    assert "No space left on device\nfix: free some disk space, then run again" in run_
    assert run_.endswith("code 2\n")


def test_another_process_that_holds_the_lock_is_named(project: Path) -> None:
    lock = project / ".dvc/tmp/lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()}\n")
        file.flush()
        ran = run(project, "repro")
    assert ran == (
        2,
        f"dvc-bridge: another DVC process holds {lock} (process {os.getpid()})\n"
        "fix: wait for it to end\n",
    )


def test_paths_that_another_process_is_using_are_refused_by_name(project: Path) -> None:
    claims = project / ".dvc/tmp/rwlock"
    claims.parent.mkdir(exist_ok=True)
    user = {"pid": os.getpid(), "cmd": "dvc pull"}
    claims.write_text(json.dumps({"write": {str(project / "a"): user}}))
    ran = run(project, "repro")
    assert ran.code == 2
    assert f"{project}/a is in use by process {os.getpid()} (dvc pull)\nfix: wait" in ran.said
    claims.write_text("{")
    assert f"{claims} is damaged\nfix: delete it when no DVC" in run(project, "repro").said


@pytest.mark.parametrize("command", ["plan", "repro", "doctor"])
def test_outside_of_a_project_the_next_step_is_named(tmp_path: Path, command: str) -> None:
    ran = run(tmp_path, command)
    assert ran.code == 2
    assert f"{tmp_path} is not in a DVC project\n" in ran.said
    assert "fix: change to the folder of a project, or run dvc init\n" in ran.said


def test_a_project_that_has_lost_its_git_is_refused_with_a_fix(project: Path) -> None:
    (project / ".dvc/config").write_text("")
    ran = run(project, "plan")
    assert ran.code == 2
    assert ran.said.endswith("fix: git init, or dvc config core.no_scm true\n")
