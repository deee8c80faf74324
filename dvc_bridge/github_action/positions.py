"""Where in the repository an error is, for annotations."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import yaml

from dvc_bridge.dvcio.reading.yaml12 import lines_of_entries
from dvc_bridge.errors import BridgeError
from dvc_bridge.github_action.runner import Annotation
from dvc_bridge.pipeline.stage import DVC_YAML, Stage

_FILE_AND_LINE = re.compile(r"^([^:\n]+):(\d+): ")
_FILE_AND_TEXT = re.compile(r"^([^:\n]+?)(?: is not UTF-8)?: (?:line (\d+)|stage ([^:\n]+): )?")
# "failed to parse 'stages.train.cmd' in 'dvc.yaml'", or 'vars', as DVC reports templates.
_TEMPLATE = re.compile(r"failed to parse '(?:stages\.([^'.]+))?[^']*' in '([^']+)'")


class Positions:
    """Positions in the files of a project.

    Parameters
    ----------
    root
        The folder that holds `.dvc`.
    repository
        The folder from which GitHub counts paths.
    """

    def __init__(self, root: Path, repository: Path) -> None:
        self._root, self._repository = root, repository
        self._lines: dict[str, dict[str, int]] = {}

    def of_stage(self, stage: Stage) -> tuple[str, int]:
        """Return the file of a stage, and its line in dvc.yaml; 0 if there is no such line."""
        name = stage.group or stage.name
        return self._shown(stage.file), self._line(stage.file, name) if name else 0

    def of_error(self, error: BridgeError) -> list[Annotation]:
        """Return an annotation for each line of an error that names a file, or else one for all."""
        annotations = [
            Annotation(title="dvc-bridge", message=_with_fix(line, error.fix), file=file, line=at)
            for line in error.message.splitlines()
            for file, at in [self._of_message(line)]
            if file
        ]
        whole = _with_fix(error.message, error.fix)
        return annotations or [Annotation(title="dvc-bridge", message=whole)]

    def _of_message(self, text: str) -> tuple[str, int]:
        if match := _FILE_AND_LINE.match(text):
            return self._existing(match[1]), int(match[2])
        if match := _TEMPLATE.search(text):
            return self._existing(match[2]), self._line(match[2], match[1] or "")
        if match := _FILE_AND_TEXT.match(text):
            line = int(match[2]) if match[2] else self._line(match[1], match[3] or "")
            if file := self._existing(match[1]):
                return file, line
            return self.of_address(match[1])
        return "", 0

    def of_address(self, address: str) -> tuple[str, int]:
        """Return the position of a stage at the root; empty if dvc.yaml does not have it."""
        line = self._line(DVC_YAML, address)
        return (self._shown(DVC_YAML), line) if line else ("", 0)

    def _line(self, file: str, stage: str) -> int:
        """Return the line of a stage in a dvc.yaml; 0 if there is none."""
        if file not in self._lines:  # once: a plan can have thousands of annotations
            self._lines[file] = {}
            with suppress(OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
                text = (self._root / file).read_text(encoding="utf-8")
                self._lines[file] = lines_of_entries(text, "stages")
        return self._lines[file].get(stage.partition("@")[0], 0)

    def _existing(self, file: str) -> str:
        path = self._root / file
        with suppress(OSError, ValueError):
            return self._shown(file) if path.is_file() else ""
        return ""

    def _shown(self, file: str) -> str:
        return os.path.relpath(self._root / file, self._repository)


def _with_fix(message: str, fix: str) -> str:
    return f"{message}\nfix: {fix}" if fix else message
