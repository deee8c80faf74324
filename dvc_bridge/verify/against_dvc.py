"""Compare `dvc repro` and `dvc-bridge repro` on copies of a project: both must leave equal states.

Both runs use the same path, one after the other, so that a stage that writes its own path writes
the same bytes. Neither run uses the other's cache, and the project itself is only read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvc_bridge.errors import UsageError
from dvc_bridge.local.process import kill_tree
from dvc_bridge.local.signals import raised
from dvc_bridge.verify.copy_tree import copy_tree
from dvc_bridge.verify.equality import Difference, ProjectState, differences, without_rolled_back
from dvc_bridge.verify.project_state import project_state

JOBS_FLAGS = ("-j", "--jobs")
TAIL = 20


@dataclass(frozen=True, slots=True)
class Ran:
    """The end of one command: its exit code, its output, and its duration."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both runs, and all differences between them."""

    dvc: Ran
    bridge: Ran
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether both runs left the same state."""
        return not self.differences

    def __str__(self) -> str:
        times = f"dvc repro {self.dvc.seconds:.1f} s, dvc-bridge repro {self.bridge.seconds:.1f} s"
        if self.equal:
            failed = "; both runs failed" if self.dvc.code else ""
            return "\n".join([f"equal: the same state{failed} ({times})", *self._list_details()])
        return "\n".join([f"{len(self.differences)} differences ({times})", *self._list_details()])

    def _list_details(self) -> list[str]:
        lines = [f"  {difference}" for difference in self.differences]
        for name, ran in (("dvc repro", self.dvc), ("dvc-bridge repro", self.bridge)):
            if ran.code != 0:
                lines.append(f"  {name} exited with {ran.code}; the end of its output:")
                lines += [f"    {line}" for line in ran.output.splitlines()[-TAIL:]]
        return lines


Runner = Callable[[str, Sequence[str], Path, Mapping[str, str]], Ran]
"""Runs (module, arguments, folder, environment), as `python -m MODULE ARGUMENTS` would."""


def run_process(module: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Ran:
    """Run `python -m module argv` in `folder`."""
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", module, *argv],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        try:
            output, _ = child.communicate()
        except BaseException:  # it works on a copy, which is deleted
            kill_tree(child.pid)
            raise
    return Ran(child.returncode, output.decode("utf-8", "replace"), time.monotonic() - start)


def check_against_dvc(root: Path, argv: Sequence[str], *, run: Runner = run_process) -> Comparison:
    """Run `dvc repro` and `dvc-bridge repro` with `argv` in copies of the project and compare.

    Parameters
    ----------
    root
        A folder of the project, from which both commands are run.
    argv
        The arguments of `dvc-bridge repro`; `dvc repro` gets them without the number of jobs.
    run
        Runs a command; tests replace it with a faster function.

    Raises
    ------
    UsageError
        `root` is not in a DVC project.
    StoppedError
        A signal ended the check.
    """
    folder = root.resolve()
    project = _find_copy_root(folder)
    with raised(), tempfile.TemporaryDirectory(prefix="dvc-bridge-check-") as temp_folder:
        work = Path(temp_folder).resolve()
        dvc_run = _run_in_copy(project, folder, work, ("dvc", ["repro", *without_jobs(argv)]), run)
        bridge_run = _run_in_copy(project, folder, work, ("dvc_bridge", ["repro", *argv]), run)
    difference_list = differences(dvc_run[1], bridge_run[1])
    difference_list = without_rolled_back(difference_list, dvc_run[1], bridge_run[1])
    return Comparison(dvc_run[0], bridge_run[0], tuple(difference_list))


def without_jobs(argv: Sequence[str]) -> list[str]:
    """Drop `-j N`, `-jN`, `--jobs N` and `--jobs=N`, which `dvc repro` does not support."""
    arguments: list[str] = []
    remaining = iter(argv)
    for argument in remaining:
        if argument in JOBS_FLAGS:
            next(remaining, None)
        elif not (
            argument.startswith("--jobs=") or (argument.startswith("-j") and argument[2:].isdigit())
        ):
            arguments.append(argument)
    return arguments


def _run_in_copy(
    project: Path, folder: Path, work: Path, command: tuple[str, list[str]], run: Runner
) -> tuple[Ran, ProjectState]:
    copy, scratch = work / "project", work / "scratch"
    copy_tree(project, copy, skip=_list_skipped_paths(folder))
    scratch.mkdir()
    run_folder = copy / folder.relative_to(project)
    env = {**os.environ, "DVC_SITE_CACHE_DIR": str(scratch), "DVC_NO_ANALYTICS": "1"}
    cache = _ensure_private_cache(run_folder, copy, env, run)
    module, arguments = command
    ran = run(module, arguments, run_folder, env)
    state = project_state(copy, cache, succeeded=ran.code == 0)
    for path in (copy, scratch):
        path.rename(work / f"{module}-{path.name}")
    return ran, state


def _find_copy_root(folder: Path) -> Path:
    dvc_root = _find_upwards(folder, ".dvc")
    if dvc_root is None:
        raise UsageError(
            f"{folder} is not in a DVC project", "run it inside a project, or run `dvc init`"
        )
    # A project in a folder of a git repository may read files outside that folder, and needs .git.
    return _find_upwards(dvc_root, ".git") or dvc_root


def _find_upwards(folder: Path, name: str) -> Path | None:
    return next((up for up in (folder, *folder.parents) if (up / name).exists()), None)


def _list_skipped_paths(folder: Path) -> list[Path]:
    dvc_root = _find_upwards(folder, ".dvc")
    return [dvc_root / ".dvc" / "tmp"] if dvc_root else []


def _ensure_private_cache(
    run_folder: Path, copy: Path, env: Mapping[str, str], run: Runner
) -> Path:
    """Return the cache of the copy; create one if its settings refer to a cache outside."""
    cache = _cache_folder(run_folder, env, run)
    if cache.is_relative_to(copy):
        return cache
    dvc_root = _find_upwards(run_folder, ".dvc") or run_folder
    own_cache = dvc_root / ".dvc" / "cache"
    if cache.is_dir():
        copy_tree(cache, own_cache)
    run("dvc", ["cache", "dir", "--local", str(own_cache)], run_folder, env)
    return own_cache


def _cache_folder(run_folder: Path, env: Mapping[str, str], run: Runner) -> Path:
    ran = run("dvc", ["cache", "dir"], run_folder, env)
    if ran.code != 0:
        raise UsageError(
            f"`dvc cache dir` fails in {run_folder}: {ran.output.strip()}",
            "check the output of `dvc doctor`",
        )
    return (run_folder / ran.output.strip().splitlines()[-1]).resolve()
