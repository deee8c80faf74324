"""What a killed run leaves half done, and how the next one goes on from there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dvc_bridge.dvcio.project import Project

# dvc_objects.fs.utils.tmp_fname, which DVC and dvc-data write through.
TEMPORARY = re.compile(r".*\.[A-Za-z0-9_-]{22}\.tmp")


class RecoveryLog:
    """What a run has put into .gitignore and dvc.lock files; its orderly end removes the record.

    A run that finds such a record goes on where the killed one ended: later lines and entries of
    earlier stages still go above those that stand there already, as `dvc repro` would have written
    them.

    Parameters
    ----------
    addresses
        Of the run's stages, in DVC's order.
    """

    def __init__(self, project: Project, addresses: Sequence[str]) -> None:
        self._path = project.scratch / "unfinished.jsonl"
        self._addresses = addresses
        self._places = {address: place for place, address in enumerate(addresses)}

    def begin(self) -> None:
        """Mark that a run goes on, since now unless an older one has not ended."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), self._path.open("x", encoding="utf-8") as file:
            file.write(f"{time.time()}\n")

    def lines(self) -> Iterator[tuple[str, int, str]]:
        """Return what a killed run wrote: file, place of the stage, line or name of the entry."""
        with suppress(OSError):
            for text in self._path.read_text(encoding="utf-8").splitlines()[1:]:
                with suppress(ValueError):  # the kill has cut off the last one
                    written, address, line = json.loads(text)
                    if address in self._places:
                        yield written, self._places[address], line

    def note(self, written: str, lines: Iterable[tuple[int, str]]) -> None:
        """Say which lines, or entries by name, of which places are about to be written."""
        texts = [json.dumps([written, self._addresses[place], line]) for place, line in lines]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts)

    def end(self) -> None:
        """Mark that all has been written."""
        self._path.unlink(missing_ok=True)

    def tidy(self, project: Project, outs: Iterable[str]) -> None:
        """Remove DVC's temporary files that a killed run was writing, beside outs and in the cache.

        The caller holds the repository's lock: nobody else writes through such files there. A cache
        outside of the project may be shared, and is left alone.

        Parameters
        ----------
        outs
            Paths from the root.
        """
        with suppress(OSError, ValueError):
            since = float(self._path.read_text(encoding="utf-8").partition("\n")[0])
            folders = {(project.root / out).parent for out in outs} | {project.root}
            if project.cache.is_relative_to(project.root):
                # In the first of these DVC tries which links the disk can make.
                for places in ("files/md5", "files/md5/*", "runs/*/*"):
                    folders.update(project.cache.glob(places))
            for folder in folders:
                _sweep(folder, since)


def _sweep(folder: Path, since: float) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            if TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime >= since:
                path.unlink()
