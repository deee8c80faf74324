"""Play a case on both sides and report the differences.

A case is a small project and steps: a change, then a repro. The project is built once by real
tools; both sides play all steps at the same time, each on its own copy. After every step, the lab
compares the whole state and the stages whose commands ran. At the end, DVC runs once more on both
sides, to check that it can continue from our state as from its own.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dvc_bridge.verify.equality import differences
from tests.equality.memory import WRONG
from tests.equality.side import (
    CONCURRENT,
    DVC,
    KEEP_GOING,
    OURS,
    WITH_REMOTE,
    Played,
    Side,
    clear,
)
from tests.equality.workbench import Case, Step, Workbench
from tests.support.forks import ForkServer
from tests.support.paths import REPOSITORY

# Exit codes of ours for expected errors; 5 is a bug.
ORDERLY = range(1, 5)


class Lab(ExitStack):
    """The servers and the folder in which cases are played.

    Parameters
    ----------
    work
        An empty folder; on a memory disk everything is three times as fast.
    ours
        The module to compare with DVC; `dvc` compares DVC with itself.
    python
        The interpreter of both sides.
    env
        Added to the environment of both.
    """

    def __init__(
        self,
        work: Path,
        *,
        ours: str = "dvc_bridge",
        python: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._work = work
        self.env = {**environment(work, python), **(env or {})}
        python = python or sys.executable
        bridge = Path(os.environ.get("EQUALITY_BRIDGE", REPOSITORY))
        # DVC has its own server on each side, so that both can run at the same time and changes of
        # dvc_bridge inside DVC do not affect it.
        self._hands, second = (self.enter_context(ForkServer(python)) for _ in range(2))
        server = self.enter_context(ForkServer(python, bridge))
        self._theirs = Side(work / "dvc", DVC, {DVC: self._hands}, self.env)
        if ours in WITH_REMOTE:
            remote = f"[core]\nremote = shared\n['remote \"shared\"']\nurl = {work / 'remote'}\n"
            (work / "home" / "config").write_text(remote)
        servers = {ours: server, DVC: second}
        if ours == OURS:
            servers[CONCURRENT] = self.enter_context(ForkServer(python, bridge))
        self._ours = Side(work / "our", ours, servers, self.env)
        self._threads = self.enter_context(ThreadPoolExecutor(2))

    def unlike(self, case: Case) -> list[str]:
        """Build and play `case` on both sides; return all differences and the steps behind them."""
        return self.unlike_from(self.build(case), case)

    def build(self, case: Case) -> Path:
        """Create the project of `case` and return its folder."""
        pristine = self._work / "pristine"
        clear(pristine)
        pristine.mkdir()
        case.build(Workbench(pristine, self._hands, self.env))
        return pristine

    def unlike_from(self, pristine: Path, case: Case) -> list[str]:
        """Like `unlike`, on a project that has been built."""
        expected, actual = self.play_from(pristine, case)
        return list(_found(case, expected, actual, polite=self._ours.module != DVC))

    def unsettled_from(self, pristine: Path, case: Case) -> list[str]:
        """Play `case` on our side alone, then let ours finish, and DVC in a copy.

        DVC has no memory of the copy's files: if ours ends differently, its memory was wrong. This
        check also works for runs with interference, which end differently every time.
        """
        found: list[str] = []
        case = replace(case, handed_over=False)
        for step, played in zip(case.steps, self._ours.play_all(case, pristine), strict=True):
            found += _manners(step, played)
            found += [line for line in played.seen if line.startswith(WRONG)]
            found += ["ours printed:", played.ran.output] if found else []
        self._theirs.adopt(self._ours.root)
        steps = (Step("what was left", fails=None),)
        last = replace(case, steps=steps, looks=False)
        expected, actual = self._theirs.settle(last), self._ours.settle(last)
        return [*found, *_found(last, [expected], [actual], polite=True)]

    def play(self, case: Case) -> tuple[list[Played], list[Played]]:
        """Build `case`, and return the results of DVC's steps and of ours."""
        return self.play_from(self.build(case), case)

    def play_from(self, pristine: Path, case: Case) -> tuple[list[Played], list[Played]]:
        single = frozenset(i for i, s in enumerate(case.steps) if s.fails and _stops(s))
        waiting = self._threads.submit(self._ours.play_all, case, pristine, single)
        expected = self._theirs.play_all(case, pristine)
        actual = waiting.result()
        stopped = _stopped(case, expected)
        if not stopped <= single:
            actual = self._ours.play_all(case, pristine, stopped)
        return expected, actual


def environment(work: Path, python: str | None = None) -> dict[str, str]:
    """Return a minimal environment for commands; create a home and a folder of tools in `work`."""
    home, tools = work / "home", work / "bin"
    home.mkdir()
    tools.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\nname = A\nemail = a@example.org\n[init]\ndefaultBranch = main\n"
    )
    # `ran a` in a command records that stage a was executed. `during a.end` is a moment at which a
    # case can run an action; `ran a` is also one: a.start.
    do = 'f="$DURING/$m"; [ -e "$f" ] || exit 0; mv "$f" "$f.done"; cd "$PROJECT"; sh "$f.done"; :'
    for name, script in (("ran", 'echo "$1" >> "$RAN"; m=$1.start'), ("during", "m=$1")):
        tool = tools / name
        tool.write_text(f"#!/bin/sh\n{script}; {do}\n")
        tool.chmod(0o755)
    own = str(Path(python or sys.executable).parent)
    return {
        "PATH": os.pathsep.join([str(tools), own, os.environ["PATH"]]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(work / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(home),
        "DVC_SYSTEM_CONFIG_DIR": str(home),
        "CI": "1",  # prevents DVC's check for updates
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _stops(step: Step) -> bool:
    return not KEEP_GOING & set(step.argv)


def _stopped(case: Case, played: list[Played]) -> frozenset[int]:
    # If DVC stops at a failure, the set of finished stages depends on the number of jobs.
    steps = enumerate(zip(case.steps, played, strict=False))
    return frozenset(i for i, (step, p) in steps if p.ran.code != 0 and _stops(step))


def _found(
    case: Case, expected: list[Played], actual: list[Played], *, polite: bool
) -> Iterator[str]:
    steps = [*case.steps, *([Step("handed over to dvc")] if case.handed_over else [])]
    ends = ("dvc succeeds", "dvc fails")
    for step, one, other in zip(steps, expected, actual, strict=True):
        lines = [str(d) for d in differences(one.state, other.state, ("dvc", "ours"))]
        may_run_more = step.may_run_more and {*one.executed} <= {*other.executed}
        if one.executed != other.executed and not may_run_more:
            lines.append(f"executed: dvc {one.executed}, ours {other.executed}")
        if one.index != other.index:
            alone = (sorted(a - b) for a, b in _both_ways(one.index, other.index))
            lines.append("git's index: dvc alone {}, ours alone {}".format(*alone))
        lines += _unseen(one, other)
        if step in case.steps:
            lines += _manners(step, other) if polite else ()
            lines += _unforeseen(other)
            if step.fails not in (None, one.ran.code != 0):
                lines.append(f"the case is wrong: {ends[not step.fails]} here")
        if lines:
            yield from (f"after step {step.name}:", *lines)
            yield from ("dvc printed:", one.ran.output, "ours printed:", other.ran.output)
            return  # later differences follow from this one


# Verdict of `plan` for a stage -> possible outcomes of the run.
_MAY_END = {
    "runs": {"ran", "failed"},
    "may run": {"ran", "from the run cache", "unchanged", "failed"},
    "run cache": {"from the run cache"},
    "up to date": {"unchanged"},
    "fails": {"failed", "skipped"},
}


def _unforeseen(ours: Played) -> Iterator[str]:
    """Yield where `plan` was wrong about the run that followed it."""
    if ours.planned is None:
        return
    ends = dict(_ENDS.findall(ours.ran.output))
    bad = "failed" in ends.values()
    if "fails" in ours.planned.values() and not ours.ran.code:
        yield "plan says that a stage fails, and the run ends well"
    for address, verdict in ours.planned.items():
        # After a failure, many stages do not run; an unchanged stage has no line.
        end = ends.get(address, "" if bad or ours.ran.code else "unchanged")
        may = _MAY_END[verdict] | ({"skipped"} if bad else set())
        # DVC does not overwrite an edited file in a folder behind a link; plan does not look there.
        is_refused = f"\n{address} | unable to remove" in f"\n{ours.ran.output}"
        if end and end not in may and not is_refused:
            yield f"plan says {verdict!r} of {address}, but its outcome is {end!r}"


_ENDS = re.compile(
    r"^(.+): (ran|from the run cache|failed|skipped)(?: \(\d[\d.]* s\))?$", re.MULTILINE
)


def _unseen(theirs: Played, ours: Played) -> Iterator[str]:
    """Yield where DVC sees something else after our run, except errors of its own memory."""
    if theirs.seen == ours.seen:
        return
    for line in difflib.unified_diff(theirs.seen, ours.seen, "dvc sees", "ours", n=1, lineterm=""):
        if not line.startswith(f"-{WRONG}"):
            yield line


def _both_ways(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[set[str], set[str]]]:
    yield set(one), set(other)
    yield set(other), set(one)


def _manners(step: Step, ours: Played) -> Iterator[str]:
    if ours.ran.code and (ours.ran.code not in ORDERLY or "Traceback" in ours.ran.output):
        yield f"ours ended with {ours.ran.code}, a traceback or both"
    if step.says not in ours.ran.output:
        yield f"ours does not say {step.says!r}"
