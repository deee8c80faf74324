"""`dvc-bridge repro -j3` killed at random moments, as `kill -9` of its process group does it."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import yaml

from dvc_bridge.plan.equality import ProjectState, differences
from dvc_bridge.run.copies import copy_tree
from dvc_bridge.run.state import project_state
from tests.dvc_bridge.equality.side import clear
from tests.dvc_bridge.equality.workbench import Workbench

MARK = "EQUALITY_CHAOS"
START_UP = 0.3  # s, in which no run has got beyond its imports
DEATH = 2.0  # s, that the processes of a killed run may take to vanish

WIDE = """\
stages:
  part:
    matrix:
      kind: [x, y]
      number: [1, 2, 3, 4]
    cmd:
      - ran part-${item.kind}-${item.number}; sleep 0.0${item.number}
      - mkdir -p parts/${item.kind}${item.number}; cd parts/${item.kind}${item.number};
        for i in $(seq 40); do cat ../../raw > $i; echo $i >> $i; done
    deps: [raw]
    outs: ['parts/${item.kind}${item.number}']
  large:
    foreach: [a, b]
    do:
      cmd: ran large-${item}; (echo ${item}; cat raw; seq 300000) > large-${item}
      deps: [raw, parts/x1]
      outs: ['large-${item}']
      metrics:
        - small-${item}.json: {cache: false}
  join:
    cmd: ran join; cat parts/*/1 large-a large-b > joined
    deps: [parts, large-a, large-b]
    outs: [joined]
""".replace("> large-${item}\n", "> large-${item}; echo 1 > small-${item}.json\n", 1)


def cold(bench: Workbench) -> None:
    """Nothing has run yet."""
    bench.start()
    bench.write({"dvc.yaml": WIDE, "raw": "raw\n"})


def changed(bench: Workbench) -> None:
    """All has run, then a dep has changed."""
    cold(bench)
    bench.dvc("repro", "-q")
    bench.write({"raw": "raw 2\n"})


class Victim:
    """A project whose runs get killed.

    Parameters
    ----------
    folder
        Where it lives; empty.
    env
        The environment of its runs.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        folder.mkdir()
        self.root = folder / "project"
        self._site = folder / "site"
        self._log = folder / "ran.log"
        own = {"RAN": str(self._log), "DVC_SITE_CACHE_DIR": str(self._site), MARK: str(folder)}
        self._env = {**env, **own, "PYTHONPATH": os.environ.get("EQUALITY_BRIDGE", "")}

    def lay_out(self, pristine: Path) -> None:
        """Start anew from a copy."""
        clear(self.root, self._site)
        copy_tree(pristine, self.root, skip=[pristine / ".dvc" / "tmp"])

    def run(self, seconds: float | None = None) -> tuple[int, str]:
        """Run to the end, or kill all after so many seconds; give exit code and output."""
        self._log.write_text("")
        process = subprocess.Popen(
            [sys.executable, "-m", "dvc_bridge", "repro", "-j3"],
            cwd=self.root,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=seconds or 120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.stdout.read() if process.stdout and not seconds else ""
            process.wait()
        return process.returncode, output

    def survivors(self) -> list[str]:
        """End what a killed run has left running; give the commands."""
        until = time.monotonic() + DEATH
        while (left := list(self._processes())) and time.monotonic() < until:
            time.sleep(0.02)
        for process in left:
            process.kill()
        return [" ".join(process.cmdline()) for process in left if process.is_running()]

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["environ", "status"]):
            ours = (process.info["environ"] or {}).get(MARK) == self._env[MARK]
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield process

    def executed(self) -> set[str]:
        """Give the stages whose commands the last run started."""
        return set(self._log.read_text().split())

    def damage(self) -> Iterator[str]:
        """Say what is broken in dvc.lock and in the cache's objects, whenever the run ended."""
        try:
            self.recorded()
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            yield f"dvc.lock cannot be read: {error}"
        for path in (self.root / ".dvc/cache/files/md5").glob("*/*"):
            name = path.parent.name + path.name.removesuffix(".dir")
            if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != name:
                yield f"an object of the cache is not what its name says: {path}"

    def recorded(self) -> set[str]:
        """Give the stages of dvc.lock whose deps are today's."""
        path = self.root / "dvc.lock"
        stages = yaml.safe_load(path.read_text())["stages"] if path.exists() else {}
        raw = hashlib.md5((self.root / "raw").read_bytes(), usedforsecurity=False).hexdigest()
        return {
            name.replace("@", "-")
            for name, entry in stages.items()
            if any(dep["md5"] == raw for dep in entry["deps"])
        }

    def state(self, code: int) -> ProjectState:
        """Read what stands there."""
        return project_state(self.root, self.root / ".dvc" / "cache", succeeded=code == 0)


def play(victim: Victim, expected: ProjectState, seed: int, longest: float) -> Iterator[str]:
    """Kill one to three runs, then let one finish; say everything that is wrong."""
    dice = random.Random(seed)
    safe: set[str] = set()
    for seconds in [dice.uniform(START_UP, longest) for _ in range(dice.choice([1, 1, 2, 3]))]:
        code, output = victim.run(seconds)
        head = f"seed {seed}, killed after {seconds:.3f} s"
        yield from (f"{head}: still running: {command}" for command in victim.survivors())
        yield from (f"{head}: {what}" for what in victim.damage())
        if code not in (0, -signal.SIGKILL):
            yield f"{head}: had ended with {code} before: {output}"
        if again := safe & victim.executed():
            yield f"{head}: {sorted(again)} ran again, though dvc.lock had them"
        safe = victim.recorded()
    code, output = victim.run()
    if again := safe & victim.executed():
        yield f"seed {seed}: {sorted(again)} ran again, though dvc.lock had them"
    found = [str(d) for d in differences(expected, victim.state(code))]
    yield from (f"seed {seed}, in the end: {what}" for what in [*found, *victim.damage()])
    if found:
        yield output
