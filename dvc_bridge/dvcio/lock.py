"""Stage results -> dvc.lock: entries in DVC's order, each file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml
from dvc.utils.serialize._yaml import parse_yaml_for_update


class LockFiles:
    """The dvc.lock files of a run, as they were at its start plus what has been recorded."""

    def __init__(self, repo: Any) -> None:
        self._repo = repo
        self._entries: dict[str, dict[int, tuple[str, Any]]] = {}
        self._base: dict[str, str] = {}
        self._dirty: set[str] = set()

    def record(self, position: int, stage: Any) -> None:
        """Take the stage's state as its entry, to be written by the next `flush`."""
        path = stage.dvcfile._lockfile.path
        if path not in self._base:
            file = Path(path)
            self._base[path] = file.read_text(encoding="utf-8") if file.exists() else ""
        self._entries.setdefault(path, {})[position] = (stage.name, to_lockfile(stage)[stage.name])
        self._dirty.add(path)

    def flush(self) -> None:
        """Write every file that has new entries."""
        for path in sorted(self._dirty):
            recorded = self._entries[path]
            data = parse_yaml_for_update(self._base[path], path)
            if not data:
                data = {"schema": "2.0"}
            data["stages"] = data.get("stages", {})
            for position in sorted(recorded):
                name, entry = recorded[position]
                data["stages"][name] = entry
            write_whole(Path(path), dumps_yaml(data))
            self._repo.scm_context.track_file(os.path.relpath(path))
        self._dirty.clear()


def write_whole(path: Path, text: str) -> None:
    """Replace the file in one step; its mode stays as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
