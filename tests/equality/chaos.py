"""`dvc-bridge repro -j3` killed at random moments, as `kill -9` of its process group does it."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import psutil
import yaml

from dvc_bridge.verify.copy_tree import copy_tree
from dvc_bridge.verify.equality import ProjectState, differences
from dvc_bridge.verify.project_state import project_state
from tests.equality.side import clear
from tests.equality.workbench import Workbench

MARK = "EQUALITY_CHAOS"
START_UP = 0.2  # seconds in which a run only imports modules
SHOWN = 12  # differences to show; later ones usually follow from these
OBJECT = re.compile(r"[0-9a-f]{32}")
LONGEST = 120.0  # s, the limit for a whole run on a busy machine
DEATH = 2.0  # s, the limit for the processes of a killed run to end

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
      cmd:
        - ran large-${item}; (echo ${item}; cat raw; seq 300000) > large-${item}
        - echo 1 > small-${item}.json
      deps: [raw, parts/x1]
      outs: ['large-${item}']
      metrics:
        - small-${item}.json: {cache: false}
  join:
    cmd: ran join; cat parts/*/1 large-a large-b > joined
    deps: [raw, parts, large-a, large-b]
    outs: [joined]
"""


def cold(bench: Workbench) -> None:
    """Create a project in which no stage has run."""
    bench.start()
    bench.write({"dvc.yaml": WIDE, "raw": "raw\n"})


def changed(bench: Workbench) -> None:
    """Create a project in which all stages have run and a dep has changed since."""
    cold(bench)
    bench.dvc("repro", "-q")
    bench.write({"raw": "raw 2\n"})


class Victim:
    """A project whose runs are killed.

    Parameters
    ----------
    folder
        The folder of the project; empty.
    env
        The environment of its runs.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        folder.mkdir()
        self.root = folder / "project"
        self._site = folder / "site"
        self._log = folder / "ran.log"
        self._output = folder / "output"
        variables = {
            "RAN": str(self._log),
            "DVC_SITE_CACHE_DIR": str(self._site),
            MARK: str(folder),
        }
        self.kills = 0
        self._env = {**env, **variables, "PYTHONPATH": os.environ.get("EQUALITY_BRIDGE", "")}

    def lay_out(self, pristine: Path) -> None:
        """Replace the project with a fresh copy of `pristine`."""
        clear(self.root, self._site)
        copy_tree(pristine, self.root, skip=[pristine / ".dvc" / "tmp"])

    def run(self, seconds: float | None = None) -> tuple[int, str]:
        """Run to the end, or kill all processes after `seconds`; return exit code and output."""
        self._log.write_text("")
        with self._output.open("w") as output:
            process = self._start(output)
        try:
            process.wait(seconds or LONGEST)
        except subprocess.TimeoutExpired:
            self.kills += 1
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return process.returncode, self._output.read_text("utf-8", "replace")

    def _start(self, output: IO[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dvc_bridge", "repro", "-j3"],
            cwd=self.root,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def survivors(self) -> list[str]:
        """Kill the processes that a killed run has left; return their commands."""
        until = time.monotonic() + DEATH
        while (left := list(self._processes())) and time.monotonic() < until:
            time.sleep(0.02)
        for process in left:
            process.kill()
        return [str(process.info["cmdline"]) for process in left]

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["environ", "status", "cmdline"]):
            ours = (process.info["environ"] or {}).get(MARK) == self._env[MARK]
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield process

    def executed(self) -> set[str]:
        """Return the stages whose commands the last run started."""
        return set(self._log.read_text().split())

    def damage(self) -> Iterator[str]:
        """Yield what is broken in dvc.lock and in the cache's objects after a run."""
        try:
            self.recorded()
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            yield f"dvc.lock cannot be read: {error}"
        for path in (self.root / ".dvc/cache/files/md5").glob("*/*"):
            name = path.parent.name + path.name.removesuffix(".dir")
            if OBJECT.fullmatch(name) and _md5(path) != name:
                yield f"an object of the cache is not what its name says: {path}"

    def recorded(self) -> set[str]:
        """Return the stages that dvc.lock records with the current content of `raw`."""
        path = self.root / "dvc.lock"
        stages = yaml.safe_load(path.read_text())["stages"] if path.exists() else {}
        raw = _md5(self.root / "raw")
        return {
            name.replace("@", "-")
            for name, entry in stages.items()
            if {"raw": raw}.items() <= {dep["path"]: dep["md5"] for dep in entry["deps"]}.items()
        }

    def state(self, code: int) -> ProjectState:
        """Return the project's state."""
        return project_state(self.root, self.root / ".dvc" / "cache", succeeded=code == 0)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _repeated(head: str, stages: set[str]) -> Iterator[str]:
    if stages:
        yield f"{head}: {sorted(stages)} ran again, though dvc.lock had them"


def play(victim: Victim, expected: ProjectState, seed: int, longest: float) -> Iterator[str]:
    """Kill one to three runs, then let one finish; yield all problems."""
    generator = random.Random(seed)
    recorded_stages: set[str] = set()
    for seconds in [
        generator.uniform(START_UP, 1) * longest for _ in range(generator.choice([1, 1, 2, 3]))
    ]:
        code, output = victim.run(seconds)
        head = f"seed {seed}, killed after {seconds:.3f} s"
        yield from (f"{head}: still running: {command}" for command in victim.survivors())
        yield from (f"{head}: {problem}" for problem in victim.damage())
        if code not in (0, -signal.SIGKILL):
            yield f"{head}: the run had already ended with {code}: {output}"
        yield from _repeated(head, recorded_stages & victim.executed())
        recorded_stages = victim.recorded()
    code, output = victim.run()
    yield from _repeated(f"seed {seed}", recorded_stages & victim.executed())
    found = [str(d) for d in differences(expected, victim.state(code))]
    found += victim.damage()
    yield from (f"seed {seed}, in the end: {problem}" for problem in found[:SHOWN])
    if found:
        yield output
