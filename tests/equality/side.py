"""One side of a comparison: a folder in which a copy of the project is played step by step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dvc_bridge.verify.against_dvc import Ran, without_jobs
from dvc_bridge.verify.copy_tree import copy_tree
from dvc_bridge.verify.equality import ProjectState
from dvc_bridge.verify.project_state import project_state
from tests.equality.workbench import Case, Step, Workbench
from tests.support.forks import ForkServer

DVC, OURS, MEMORY, CONCURRENT = "dvc", "dvc_bridge", "memory", "concurrent"
KEEP_GOING = frozenset({"-k", "--keep-going", "--ignore-errors"})
# `plan` has only the options that change which stages run.
NOT_PLANNED = KEEP_GOING | {"--no-commit", "-i", "--interactive"}
ELSEWHERE = "elsewhere"  # represents another disk
PODS, GENERATED, SLURM = "pods", "generated", "slurm"
WITH_REMOTE = (PODS, GENERATED, SLURM)


@dataclass(frozen=True)
class Played:
    """The result of one step on one side.

    Parameters
    ----------
    ran
        The exit code and output of the command.
    state
        The state of workspace and cache.
    executed
        The stages whose commands ran, sorted.
    index
        The content of git's index, for a case that stages files.
    planned
        The verdicts of `plan` before the step; None if `plan` did not run or refused.
    seen
        The output of `memory.py` and `dvc status` after the step, for a case with `looks`.
    """

    ran: Ran
    state: ProjectState
    executed: tuple[str, ...]
    index: tuple[str, ...] = ()
    planned: Mapping[str, str] | None = None
    seen: tuple[str, ...] = ()


class Side:
    """A folder in which one module plays cases.

    Parameters
    ----------
    folder
        The folder; empty.
    module
        The module whose `repro` it plays.
    servers
        By module: `dvc` for the changes of the case, `module`, and `concurrent` for other commands.
    env
        The environment of every command.
    """

    def __init__(
        self, folder: Path, module: str, servers: Mapping[str, ForkServer], env: Mapping[str, str]
    ) -> None:
        folder.mkdir()
        self.root = folder / "project"
        self.module = module
        self._servers = servers
        self._elsewhere = folder / ELSEWHERE
        self._site = folder / "site"
        self._log = folder / "ran.log"
        own = {"RAN": self._log, "DURING": folder / "during", "PROJECT": self.root}
        own["DVC_SITE_CACHE_DIR"] = self._site
        self._env = {**env, **{name: str(path) for name, path in own.items()}}

    def play_all(
        self, case: Case, pristine: Path, single: frozenset[int] = frozenset()
    ) -> list[Played]:
        """Play all steps on a fresh copy; those at the positions `single` with one job.

        At the end, DVC runs on both sides and takes over the state.
        """
        clear(self.root, self._site, self._elsewhere)
        if self.module in WITH_REMOTE:
            clear(self.root.parents[1] / "remote")
        copy_tree(pristine, self.root, skip=[pristine / ".dvc" / "tmp"])
        played = [self._play(case, s, single=i in single) for i, s in enumerate(case.steps)]
        if case.handed_over:
            played.append(self._repro(case, [], DVC))
        return played

    def _play(self, case: Case, step: Step, *, single: bool) -> Played:
        step.change(Workbench(self.root, self._servers[DVC], {**self._env, **case.env}))
        argv = list(step.argv)
        if self.module != DVC and (single or without_jobs(argv) == argv):
            argv = [*without_jobs(argv), "-j", str(1 if single else case.jobs)]
        planned = self._plan(case, step) if case.foreseen and self.module == OURS else None
        with self._run_concurrently(step.concurrent):
            played = self._repro(case, argv, self.module)
        return replace(played, planned=planned)

    @contextmanager
    def _run_concurrently(self, commands: Sequence[Sequence[str]]) -> Iterator[None]:
        """Run commands, one after the other, as soon as a stage's command runs."""
        over = threading.Event()

        def run_all() -> None:
            while not (self._log.exists() and self._log.read_text()):
                if over.wait(0.002):
                    return
            for program, *argv in commands:
                if program in self._servers:
                    self._servers[CONCURRENT](program, argv, self.root, self._env)
                else:
                    subprocess.run(
                        [program, *argv],
                        cwd=self.root,
                        env=self._env,
                        capture_output=True,
                        check=False,
                    )

        thread = threading.Thread(target=run_all)
        if commands:
            self._log.write_text("")
            thread.start()
        try:
            yield
        finally:
            over.set()
            if commands:
                thread.join()

    def adopt(self, root: Path) -> None:
        """Copy another project, without the remembered hashes of its files."""
        clear(self.root, self._site, self._elsewhere)
        copy_tree(root, self.root, skip=[root / ".dvc" / "tmp"])
        if (elsewhere := root.parent / ELSEWHERE).exists():
            copy_tree(elsewhere, self._elsewhere)

    def settle(self, case: Case) -> Played:
        """Run all remaining stages, without interference."""
        clear(Path(self._env["DURING"]))
        jobs = [] if self.module == DVC else ["-j", str(case.jobs)]
        return self._repro(case, ["-k", *jobs], self.module)

    def _plan(self, case: Case, step: Step) -> Mapping[str, str] | None:
        """Return the verdicts of `plan` for the run."""
        if "--dry" in step.argv or "--ignore-errors" in step.argv:
            return None  # nothing runs, or also stages run that depend on a failed one
        words = [word for word in without_jobs(step.argv) if word not in NOT_PLANNED]
        ran = self._servers[self.module](
            self.module,
            ["plan", "--json", *words],
            self.root / case.folder,
            {**self._env, **case.env},
        )
        start = ran.output.find("{\n")
        if ran.code or start < 0:
            return None
        plan, _ = json.JSONDecoder().raw_decode(ran.output[start:])
        return {stage["address"]: stage["verdict"] for stage in plan["stages"]}

    def _repro(self, case: Case, argv: Sequence[str], module: str) -> Played:
        self._log.write_text("")
        folder = self.root / case.folder
        ran = self._servers[module](
            module,
            ["repro", *(without_jobs(argv) if module == DVC else argv)],
            folder,
            {**self._env, **case.env},
            keeps_ignores=case.keeps_ignores and module == DVC,
        )
        state = project_state(self.root, _cache(folder), succeeded=ran.code == 0)
        executed = tuple(sorted(self._log.read_text().split()))
        index = self._index() if case.stages else ()
        seen = self._seen(case) if case.looks else ()
        return Played(ran, state, executed, index, seen=seen)

    def _seen(self, case: Case) -> tuple[str, ...]:
        """Return what DVC reports about the project now."""
        folder, env = self.root / case.folder, {**self._env, **case.env}
        calls: tuple[tuple[str, Sequence[str]], ...] = ((MEMORY, []), (DVC, ["status"]))
        lines: list[str] = []
        for module, argv in calls:
            ran = self._servers[DVC](module, argv, folder, env)
            lines += ran.output.replace(str(self.root.parent), "SIDE").splitlines()
        return tuple(lines)

    def _index(self) -> tuple[str, ...]:
        command = ["git", "ls-files", "--stage"]
        done = subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True)
        return tuple(done.stdout.splitlines())


def clear(*folders: Path) -> None:
    """Remove folders, including those without write permission."""
    for path in folders:
        if path.exists():
            for folder, _, _ in os.walk(path):
                Path(folder).chmod(0o755)
            shutil.rmtree(path)


def _cache(folder: Path) -> Path:
    ups = (folder, *folder.parents)
    return next(up for up in ups if (up / ".dvc").is_dir()) / ".dvc" / "cache"
