"""The traces of runs in `.dvc/tmp/dvc-bridge/runs`: one file per run.

While a run goes on, its file has a line for each change of a stage, so that a killed run keeps
what it had. At its end, the file is replaced by one JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.trace import (
    RunTrace,
    StageTrace,
    plain_stage_trace,
    plain_trace,
    stage_trace_from_plain,
    trace_from_plain,
)

KEPT = 100
_DONE, _OPEN = ".json", ".jsonl"
# Made once: `json.dumps` makes one for each call. A parameter may be a date, which JSON lacks.
to_json = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, skipkeys=True, default=str
).encode


class TraceFile:
    """The file of one run, whose stages the caller has as JSON.

    A disk that refuses the file does not fail the run.
    """

    def __init__(self, project: Project, run: str) -> None:
        self._folder, self._run = _folder(project), run
        self._file: IO[str] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file follows the run: not before its first command."""
        return self._file is not None

    def open(self, trace: RunTrace, stages: Iterable[str]) -> None:
        """Create the file with what is known so far."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._run}{_OPEN}"
            self._file = path.open("w", encoding="utf-8", buffering=1)
            self._file.write(f"{_whole_text(trace, stages)}\n")

    def add(self, index: int, stage: str) -> None:
        """Add the current state of a stage."""
        if self._file is not None:
            with suppress(OSError):
                self._file.write(f"[{index},{stage}]\n")

    def close(self, trace: RunTrace, stages: Iterable[str]) -> None:
        """Replace the file by the whole trace."""
        with suppress(OSError):
            _save(self._folder, self._run, _whole_text(trace, stages))
            if self._file is not None:
                self._file.close()
                (self._folder / f"{self._run}{_OPEN}").unlink()


def _whole_text(trace: RunTrace, stages: Iterable[str]) -> str:
    head = to_json(plain_trace(trace.with_stages(())))
    return f"{head.removesuffix(']}')}{','.join(stages)}]}}"


def keep_trace(project: Project, trace: RunTrace) -> None:
    """Write the trace of a run that others carried out; a disk that refuses it fails nothing."""
    stages = (to_json(plain_stage_trace(stage)) for stage in trace.stages)
    with suppress(OSError):
        _save(_folder(project), trace.run, _whole_text(trace, stages))


def _save(folder: Path, run: str, text: str) -> None:
    write_whole(folder / f"{run}{_DONE}", text, folder, durable=False)
    paths = list(_paths(folder))
    if len(paths) > KEPT:
        for path in sorted(paths, key=_age)[:-KEPT]:
            path.unlink(missing_ok=True)


def trace_names(project: Project, since: float = 0.0) -> list[str]:
    """Return the names of the runs whose trace was written since then, the oldest first."""
    paths = sorted(_paths(_folder(project)), key=_age)
    return list(dict.fromkeys(path.stem for path in paths if _age(path)[0] >= since))


def read_trace(project: Project, run: str | None = None) -> RunTrace:
    """Return the trace of a run; None: the last one.

    Raises
    ------
    UsageError
        There is none, or it cannot be read.
    """
    names = trace_names(project)
    if run is None and not names:
        raise UsageError("no run of this project has a trace yet", "dvc-bridge repro")
    if run is not None and run not in names:
        known = ", ".join(names[-5:]) or "none"
        raise UsageError(f"there is no trace of run {run}", f"known runs: {known}")
    return _read(_folder(project) / (run or names[-1]))


def _read(base: Path) -> RunTrace:
    """Read the trace of a run that may end meanwhile, which replaces one file by the other."""
    for suffix, parse in ((_DONE, _parse_whole), (_OPEN, _parse_lines), (_DONE, _parse_whole)):
        file = Path(f"{base}{suffix}")
        try:
            return parse(file.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise UsageError(f"{file} cannot be read: {exc.strerror}", "correct that") from exc
        except (ValueError, RecursionError) as exc:
            raise UsageError(f"{file} is damaged: {exc}", "delete it") from exc
    raise UsageError(f"the trace of run {base.name} was deleted", "name another run")


def _parse_whole(text: str) -> RunTrace:
    from dvc_bridge.pipeline.check_trace import check_run  # noqa: PLC0415  runs only write traces

    value = json.loads(text)
    check_run(value)
    return trace_from_plain(value)


def _parse_lines(text: str) -> RunTrace:
    """Return the trace of a run that has not ended; its last line may be cut off."""
    first, *rest = text.splitlines() or [""]
    trace = _parse_whole(first)
    stages = list(trace.stages)
    for line in rest:
        with suppress(json.JSONDecodeError):
            place, stage = _parse_change(line, len(stages))
            stages[place] = stage
    return trace.with_stages(stages)


def _parse_change(line: str, count: int) -> tuple[int, StageTrace]:
    from dvc_bridge.pipeline.check_trace import check_stage  # noqa: PLC0415  as above

    change = json.loads(line)
    match change:
        case [int(place), stage] if 0 <= place < count:
            check_stage(stage, place, count)
            return place, stage_trace_from_plain(stage)
    raise ValueError(f"{line[:80]} is not a change of one of its stages")


def _folder(project: Project) -> Path:
    return project.scratch / "runs"


def _paths(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix in (_DONE, _OPEN))


def _age(path: Path) -> tuple[float, str]:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime, path.name
    return 0.0, path.name
