"""Prove the contract on a project: run `dvc repro` and ours in copies and compare what they left.

Both runs happen at the same path, one after the other, so that a stage that writes its own path
writes the same bytes; neither run sees the other's cache, and the project itself is only read.
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
    """How one command ended: its exit code, what it printed, and how long it took."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both runs, and everything in which they differ."""

    dvc: Ran
    bridge: Ran
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether ours ended where `dvc repro` did."""
        return not self.differences

    def __str__(self) -> str:
        times = f"dvc repro {self.dvc.seconds:.1f} s, dvc-bridge repro {self.bridge.seconds:.1f} s"
        if self.equal:
            failed = ", in which both have failed" if self.dvc.code else ""
            return "\n".join([f"equal: the same state{failed} ({times})", *self._shown()])
        return "\n".join([f"{len(self.differences)} differences ({times})", *self._shown()])

    def _shown(self) -> list[str]:
        shown = [f"  {difference}" for difference in self.differences]
        for name, ran in (("dvc repro", self.dvc), ("dvc-bridge repro", self.bridge)):
            if ran.code != 0:
                shown.append(f"  {name} ended with {ran.code}; the end of what it printed:")
                shown += [f"    {line}" for line in ran.output.splitlines()[-TAIL:]]
        return shown


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
        except BaseException:  # what it works on is a copy, and goes
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
        The arguments of `dvc-bridge repro`; those about jobs are not given to `dvc repro`.
    run
        How a command is run; tests put a faster way in.

    Raises
    ------
    UsageError
        `root` is in no DVC project.
    StoppedError
        A signal has ended it.
    """
    folder = root.resolve()
    project = _outermost(folder)
    with raised(), tempfile.TemporaryDirectory(prefix="dvc-bridge-check-") as name:
        work = Path(name).resolve()
        theirs = _side(project, folder, work, ("dvc", ["repro", *without_jobs(argv)]), run)
        ours = _side(project, folder, work, ("dvc_bridge", ["repro", *argv]), run)
    found = differences(theirs[1], ours[1])
    found = without_rolled_back(found, theirs[1], ours[1])
    return Comparison(theirs[0], ours[0], tuple(found))


def without_jobs(argv: Sequence[str]) -> list[str]:
    """Drop `-j N`, `-jN`, `--jobs N` and `--jobs=N`, which `dvc repro` does not know."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word in JOBS_FLAGS:
            next(words, None)
        elif not (word.startswith("--jobs=") or (word.startswith("-j") and word[2:].isdigit())):
            kept.append(word)
    return kept


def _side(
    project: Path, folder: Path, work: Path, command: tuple[str, list[str]], run: Runner
) -> tuple[Ran, ProjectState]:
    copy, scratch = work / "project", work / "scratch"
    copy_tree(project, copy, skip=_left_out(folder))
    scratch.mkdir()
    here = copy / folder.relative_to(project)
    env = {**os.environ, "DVC_SITE_CACHE_DIR": str(scratch), "DVC_NO_ANALYTICS": "1"}
    cache = _private_cache(here, copy, env, run)
    module, arguments = command
    ran = run(module, arguments, here, env)
    state = project_state(copy, cache, succeeded=ran.code == 0)
    for used in (copy, scratch):
        used.rename(work / f"{module}-{used.name}")
    return ran, state


def _outermost(folder: Path) -> Path:
    dvc_root = _above(folder, ".dvc")
    if dvc_root is None:
        raise UsageError(f"{folder} is in no DVC project", "run it inside one, or `dvc init` first")
    # A project in a folder of a git repository may read files beside it, and needs its .git.
    return _above(dvc_root, ".git") or dvc_root


def _above(folder: Path, name: str) -> Path | None:
    return next((up for up in (folder, *folder.parents) if (up / name).exists()), None)


def _left_out(folder: Path) -> list[Path]:
    dvc_root = _above(folder, ".dvc")
    return [dvc_root / ".dvc" / "tmp"] if dvc_root else []


def _private_cache(here: Path, copy: Path, env: Mapping[str, str], run: Runner) -> Path:
    """Return the copy a cache of its own where its settings lead to one outside."""
    cache = _cache_folder(here, env, run)
    if cache.is_relative_to(copy):
        return cache
    dvc_root = _above(here, ".dvc") or here
    own = dvc_root / ".dvc" / "cache"
    if cache.is_dir():
        copy_tree(cache, own)
    run("dvc", ["cache", "dir", "--local", str(own)], here, env)
    return own


def _cache_folder(here: Path, env: Mapping[str, str], run: Runner) -> Path:
    ran = run("dvc", ["cache", "dir"], here, env)
    if ran.code != 0:
        raise UsageError(
            f"`dvc cache dir` fails in {here}: {ran.output.strip()}", "see `dvc doctor`"
        )
    return (here / ran.output.strip().splitlines()[-1]).resolve()
