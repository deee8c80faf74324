"""A case is a small project and the steps to play on it; the workbench changes the project."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

from tests.support.forks import ForkServer

Change = Callable[["Workbench"], None]


@dataclass(frozen=True)
class Step:
    """A change, then a repro.

    Parameters
    ----------
    name
        The name in the report.
    change
        The change to the project before the run.
    argv
        The arguments of `repro` on both sides; only ours gets those about jobs.
    fails
        Whether DVC must fail; None if it may do either.
    says
        The text that ours must print.
    concurrent
        Commands to run while commands of ours run: the program, then its arguments.
    may_run_more
        Whether ours may also run stages that DVC does not: with several jobs, an equal object from
        another stage can come too late for a stage whose object is lost.
    """

    name: str
    change: Change = lambda _: None
    argv: tuple[str, ...] = ()
    fails: bool | None = False
    says: str = ""
    concurrent: tuple[tuple[str, ...], ...] = ()
    may_run_more: bool = False


@dataclass(frozen=True)
class Case:
    """A project and the steps to play on it.

    Parameters
    ----------
    name
        For the test's id.
    build
        A function that creates the project without dvc.lock files, which the steps create.
    steps
        Played in order on one copy.
    jobs
        The number of jobs for ours; 1 for a step at which DVC stops at a failure.
    keeps_ignores
        Whether the oracle removes only the .gitignore lines of a failed stage, not also those of
        the successful stages before it; dvc_bridge does not copy the latter.
    env
        Added to the environment of both sides.
    folder
        Where the commands are run, relative to the project.
    stages
        Whether git's index is compared too.
    handed_over
        Whether `dvc repro` runs on both sides at the end, with equal results.
    foreseen
        Whether `plan` predicts `repro`; false if a command changes files that it does not declare.
    looks
        Whether to compare also what DVC reports after each step.
    """

    name: str
    build: Change
    steps: tuple[Step, ...]
    jobs: int = 3
    keeps_ignores: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."
    stages: bool = False
    handed_over: bool = True
    foreseen: bool = True
    looks: bool = False


class Workbench:
    """Changes the project of a case; paths are relative to its root."""

    def __init__(self, root: Path, server: ForkServer, env: Mapping[str, str]) -> None:
        self.root = root
        self._server = server
        self._env = dict(env)

    def has(self, name: str) -> bool:
        """Whether the path exists, even as a broken link."""
        return os.path.lexists(self.root / name)

    def write(self, files: Mapping[str, str]) -> None:
        """Write text files with their folders; replace existing files instead of writing to them.

        With cache type hardlink or symlink, an out is the cache's own file.
        """
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text, "utf-8")

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a binary file; an existing file is replaced."""
        (self.root / name).unlink(missing_ok=True)
        (self.root / name).write_bytes(content)

    def edit(self, name: str, text: str) -> None:
        """Write a text file in place, also through links and hard links."""
        (self.root / name).write_text(text, "utf-8")

    def link(self, name: str, target: str) -> None:
        """Create a symbolic link."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def hardlink(self, name: str, other: str) -> None:
        """Create a hard link to a file."""
        (self.root / other).hardlink_to(self.root / name)

    def move(self, name: str, other: str) -> None:
        """Move a file or folder."""
        target = self.root / other
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).rename(target)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text, which must exist in the file."""
        text = (self.root / name).read_text("utf-8")
        assert old in text, f"{old!r} is not in {name}"
        self.write({name: text.replace(old, new)})

    def append(self, name: str, text: str) -> None:
        """Add text to the end of a file."""
        self.write({name: (self.root / name).read_text("utf-8") + text})

    def remove(self, *names: str) -> None:
        """Remove files and folders."""
        for name in names:
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def chmod(self, name: str, mode: int) -> None:
        """Change the mode of a file."""
        (self.root / name).chmod(mode)

    def copy(self, name: str, other: str) -> None:
        """Copy a file to a free name."""
        self.write({other: (self.root / name).read_text("utf-8")})

    def lose(self, text: str) -> None:
        """Remove the object with this text from the cache."""
        self.remove(_object(text))

    def damage(self, text: str) -> None:
        """Change the object with this text, as a user with write access to the cache."""
        path = self.root / _object(text)
        path.chmod(0o644)
        path.write_text("damaged")

    def interfere(self, lines: Mapping[str, str]) -> None:
        """Run shell lines during the next run, in the project's root, once each.

        Parameters
        ----------
        lines
            The lines by moment, as passed to the tool `during`; earlier lines are removed.
        """
        folder = Path(self._env["DURING"])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for moment, line in lines.items():
            (folder / moment).write_text(line + "\n", "utf-8")

    def git(self, *argv: str, folder: str = ".") -> None:
        """Run git."""
        self._call(["git", *argv], folder)

    def dvc(self, *argv: str, folder: str = ".") -> None:
        """Run the real dvc."""
        ran = self._server("dvc", argv, self.root / folder, self._env)
        assert ran.code == 0, ran.output

    def attempt(self, program: str, *argv: str) -> None:
        """Run dvc or git, which may refuse."""
        if program == "dvc":
            self._server("dvc", argv, self.root, self._env)
        else:
            command = [program, *argv]
            subprocess.run(command, cwd=self.root, env=self._env, capture_output=True, check=False)

    def start(self, *, git: bool = True, folder: str = ".") -> None:
        """Make the folder a DVC project."""
        if git:
            self.git("init", "-q", folder=folder)
        self.dvc("init", "-q", *([] if git else ["--no-scm"]), folder=folder)

    def _call(self, command: Sequence[str], folder: str) -> None:
        done = subprocess.run(
            command, cwd=self.root / folder, env=self._env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def _object(text: str) -> str:
    name = md5(text.encode(), usedforsecurity=False).hexdigest()
    return f".dvc/cache/files/md5/{name[:2]}/{name[2:]}"
