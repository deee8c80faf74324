"""The log that lets a run continue after a killed run, and the removal of its temporary files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dvc_bridge.dvcio.cache_layout import OBJECTS
from dvc_bridge.dvcio.project import Project
from dvc_bridge.pipeline.numbering import RunIndex, numbered

# The names of temporary files of DVC and dvc-data (dvc_objects.fs.utils.tmp_fname).
TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp")


class RecoveryLog:
    """The lines and entries that a run has added to .gitignore and dvc.lock files.

    A run that ends normally removes the log. A run that finds a log continues the killed run: new
    lines and entries of earlier stages go above the existing ones of later stages, as `dvc repro`
    would have written them.

    Parameters
    ----------
    addresses
        The addresses of the run's stages, in DVC's order.
    """

    def __init__(self, project: Project, addresses: Sequence[str]) -> None:
        self._path = project.scratch / "unfinished.jsonl"
        self._addresses = addresses
        self._indexes = {address: index for index, address in numbered(RunIndex, addresses)}

    def begin(self) -> None:
        """Mark that a run is in progress; keep the start time of an unfinished earlier run."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), self._path.open("x", encoding="utf-8") as file:
            file.write(f"{time.time()}\n")

    def lines(self) -> Iterator[tuple[str, RunIndex, str]]:
        """Yield what a killed run wrote: file, index of the stage, line or name of the entry."""
        with suppress(OSError):
            for text in self._path.read_text(encoding="utf-8").splitlines()[1:]:
                with suppress(ValueError):  # the kill can truncate the last line
                    file, address, line = json.loads(text)
                    if address in self._indexes:
                        yield file, self._indexes[address], line

    def note(self, name: str, lines: Iterable[tuple[RunIndex, str]]) -> None:
        """Log the lines, or names of entries, that are about to be written.

        Parameters
        ----------
        name
            The file that they are written to.
        lines
            (index of the stage, line or name of the entry).
        """
        texts = [json.dumps([name, self._addresses[index], line]) for index, line in lines]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts)

    def end(self) -> None:
        """Remove the log: the run has written everything."""
        self._path.unlink(missing_ok=True)

    def tidy(self, project: Project, outs: Iterable[str]) -> None:
        """Remove DVC's temporary files of a killed run, next to outs and in the cache.

        The caller holds the repository lock, so no other process writes such files there. A cache
        outside the project can be shared; its files are not removed.

        Parameters
        ----------
        outs
            Paths relative to the root.
        """
        with suppress(OSError, ValueError):
            since = float(self._path.read_text(encoding="utf-8").partition("\n")[0])
            folders = {(project.root / out).parent for out in outs} | {project.root}
            if project.cache.is_relative_to(project.root):
                # DVC tests in the folder of objects which kinds of links the file system supports.
                for pattern in (OBJECTS, f"{OBJECTS}/*", "runs/*/*"):
                    folders.update(project.cache.glob(pattern))
            for folder in folders:
                _remove_temporary_files(folder, since)


def _remove_temporary_files(folder: Path, since: float) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            if TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime >= since:
                path.unlink()
