"""A case: a small project, and the steps that are played on it; the workbench is its hands."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

from tests.dvc_bridge.equality.forks import ForkServer

Change = Callable[["Workbench"], None]


@dataclass(frozen=True)
class Step:
    """A change, then a repro.

    Parameters
    ----------
    name
        For the report.
    change
        What is done to the project before the run.
    argv
        The arguments of `repro` on both sides; those about jobs are ours alone.
    fails
        How DVC must end; None: as it may.
    says
        What ours must print.
    concurrent
        Commands to run while commands of ours run: the program, then its arguments.
    """

    name: str
    change: Change = lambda _: None
    argv: tuple[str, ...] = ()
    fails: bool | None = False
    says: str = ""
    concurrent: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Case:
    """A project and what is done to it.

    Parameters
    ----------
    name
        For the test's id.
    build
        Makes the project, dvc.lock files not included: those come from the steps.
    steps
        Played in order on one copy.
    jobs
        For ours; a step where DVC stops at a failure is played with one.
    keeps_ignores
        Whether the oracle takes back the .gitignore lines of a failed stage alone, not also those
        of the good stages before it: dvc_bridge does not copy that.
    env
        Added to the environment of both sides.
    folder
        Where the commands are run, relative to the project.
    stages
        Whether git's index is compared too.
    handed_over
        Whether `dvc repro` is run on both sides at the end, and must do the same.
    foreseen
        Whether `plan` says what `repro` does: no command makes or changes what it does not declare.
    looks
        Whether what DVC sees after each step is compared too.
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
    """The project under a case's hands: paths are relative to its root."""

    def __init__(self, root: Path, server: ForkServer, env: Mapping[str, str]) -> None:
        self.root = root
        self._server = server
        self._env = dict(env)

    def has(self, name: str) -> bool:
        """Whether something stands there, be it a link that leads nowhere."""
        return os.path.lexists(self.root / name)

    def write(self, files: Mapping[str, str]) -> None:
        """Write text files, with their folders; what stands there is replaced, never written to.

        An out of cache type hardlink or symlink is the cache's own file.
        """
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text, "utf-8")

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file of any bytes; what stands there is replaced."""
        (self.root / name).unlink(missing_ok=True)
        (self.root / name).write_bytes(content)

    def edit(self, name: str, text: str) -> None:
        """Write a text file where it is: through a link, and under all of its names."""
        (self.root / name).write_text(text, "utf-8")

    def link(self, name: str, target: str) -> None:
        """Make a link."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def hardlink(self, name: str, other: str) -> None:
        """Return a file a second name."""
        (self.root / other).hardlink_to(self.root / name)

    def move(self, name: str, other: str) -> None:
        """Move a file or folder."""
        target = self.root / other
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).rename(target)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that is there."""
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
        """Return a file another mode."""
        (self.root / name).chmod(mode)

    def copy(self, name: str, other: str) -> None:
        """Copy a file to a name that is free."""
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
        """Have lines of a shell executed during the next run, in the project's root, each once.

        Parameters
        ----------
        lines
            By moment, as the tool `during` is called at it; what is left of before is dropped.
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
