"""Play a case on both sides and say what differs.

A case is a small project and steps: a change, then a repro. The project is built once by real
tools; each side plays all steps on its own copy at the same path. After every step the whole
state is compared, and which stages' commands ran.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dvc_bridge.plan.equality import ProjectState, differences
from dvc_bridge.run.check import Ran, without_jobs
from dvc_bridge.run.copies import copy_tree
from dvc_bridge.run.state import project_state
from tests.dvc_bridge.equality.forks import REPOSITORY, ForkServer
from tests.dvc_bridge.equality.workbench import Case, Step, Workbench


@dataclass(frozen=True)
class Played:
    """What one side's step led to."""

    ran: Ran
    state: ProjectState
    executed: tuple[str, ...]


class Lab(ExitStack):
    """Two servers and a folder to play in.

    Parameters
    ----------
    work
        An empty folder; on a memory disk everything is three times as fast.
    ours
        The module that stands for ours; `dvc` compares DVC with itself.
    python
        The interpreter of both sides.
    """

    def __init__(self, work: Path, *, ours: str = "dvc_bridge", python: str | None = None) -> None:
        super().__init__()
        self.work = work
        self._ours = ours
        bridge = Path(os.environ.get("EQUALITY_BRIDGE", REPOSITORY))
        options = {"python": python} if python else {}
        self.oracle = self.enter_context(ForkServer(**options))
        self.bridge = self.enter_context(ForkServer(**options, path=bridge))
        self.env = self._environment(python)

    @property
    def root(self) -> Path:
        """Where every project of this lab stands while it is played."""
        return self.work / "project"

    def unlike(self, case: Case) -> list[str]:
        """Play `case` on both sides; every difference with the step after which it was seen."""
        self.build(case)
        expected = self._play_all(case, "dvc", self.oracle)
        for step, played in zip(case.steps, expected, strict=True):
            assert (played.ran.code != 0) is step.fails, f"{step.name}: {played.ran.output}"
        actual = self._play_all(case, self._ours, self.bridge)
        found = []
        for step, one, other in zip(case.steps, expected, actual, strict=True):
            lines = [str(d) for d in differences(one.state, other.state, ("dvc", "ours"))]
            if case.compares_executed and one.executed != other.executed:
                lines.append(f"executed: dvc {one.executed}, ours {other.executed}")
            if lines:
                found += [f"after step {step.name}:", *lines, "ours printed:", other.ran.output]
                break  # what follows a difference follows from it
        return found

    def build(self, case: Case) -> None:
        """Make the project of `case` and put it aside."""
        self._clear("project", "pristine", "site")
        self.root.mkdir()
        case.build(Workbench(self.root, self.oracle, self.env))
        self.root.rename(self.work / "pristine")

    def lay_out(self) -> None:
        """Put a fresh copy of the built project where projects are played."""
        self._clear("project", "site")
        copy_tree(self.work / "pristine", self.root, skip=[self.root / ".dvc" / "tmp"])

    def play(self, case: Case, step: Step, module: str, server: ForkServer) -> Played:
        """Do one step in the copy that is laid out."""
        env = {**self.env, **case.env}
        step.change(Workbench(self.root, self.oracle, env))
        log = Path(env["RAN"])
        log.write_text("")
        argv = ["repro", *step.argv]
        if module == "dvc_bridge":
            argv += [] if without_jobs(step.argv) != list(step.argv) else ["-j", str(case.jobs)]
        else:
            argv = without_jobs(argv)
        folder = self.root / case.folder
        keeps = case.keeps_ignores and module == "dvc"
        ran = server(module, argv, folder, env, keeps_ignores=keeps)
        state = project_state(self.root, _cache(folder), succeeded=ran.code == 0)
        return Played(ran, state, tuple(sorted(log.read_text().split())))

    def _play_all(self, case: Case, module: str, server: ForkServer) -> list[Played]:
        self.lay_out()
        return [self.play(case, step, module, server) for step in case.steps]

    def _clear(self, *names: str) -> None:
        for name in names:
            path = self.work / name
            if path.exists():
                _make_writable(path)
                shutil.rmtree(path)

    def _environment(self, python: str | None) -> dict[str, str]:
        home, tools = self.work / "home", self.work / "bin"
        home.mkdir()
        tools.mkdir()
        (home / ".gitconfig").write_text(
            "[user]\nname = A\nemail = a@example.org\n[init]\ndefaultBranch = main\n"
        )
        ran = tools / "ran"  # `ran a` in a command notes that stage a was executed
        ran.write_text('#!/bin/sh\necho "$1" >> "$RAN"\n')
        ran.chmod(0o755)
        own = [str(Path(python).parent)] if python else []
        return {
            "PATH": os.pathsep.join([str(tools), *own, os.environ["PATH"]]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RAN": str(self.work / "ran.log"),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.work / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(home),
            "DVC_SYSTEM_CONFIG_DIR": str(home),
            "CI": "1",  # DVC looks for no newer version of itself
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _cache(folder: Path) -> Path:
    ups = (folder, *folder.parents)
    return next(up for up in ups if (up / ".dvc").is_dir()) / ".dvc" / "cache"


def _make_writable(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
