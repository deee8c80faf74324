"""A forecast as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.planning.critical_path import Timeline
from dvc_bridge.planning.data_location import DataLocation
from dvc_bridge.planning.forecast import RUNNING, Forecast, Verdict

if TYPE_CHECKING:
    from dvc_bridge.pipeline.auto_memory import MemoryChoice
    from dvc_bridge.planning.grouping.tasks_from_settings import Division

SCHEMA = 1
SHOWN_PATH, SHOWN_NAMES = 12, 4
_LOCATION_TEXTS = {
    DataLocation.REMOTE: "in the remote and not here",
    DataLocation.MISSING: "neither here nor in the remote",
    DataLocation.UNKNOWN: "not here (with --pull, plan asks the remote)",
}
COLUMN = max(len(verdict.value) for verdict in Verdict)


def plan_text(
    forecasts: Sequence[Forecast],
    line: Timeline,
    division: Division | None = None,
    locations: Sequence[DataLocation | None] = (),
    *,
    every: bool,
) -> str:
    """Return the forecast as text.

    Parameters
    ----------
    division
        The tasks of a remote run; None: the text does not show them.
    locations
        Where the recorded outs of each stage are; None: none are recorded.
    every
        Whether to list the stages too that are up to date.
    """
    counts = Counter(f.verdict for f in forecasts)
    parts = [f"{verdict.value} {counts[verdict]}" for verdict in Verdict if counts[verdict]]
    lines = [f"{counted(len(forecasts), 'stage')}: {', '.join(parts) or 'nothing to do'}"]
    names = {f.position: f.stage.address for f in forecasts}
    for prediction in forecasts:
        if prediction.verdict is Verdict.UP_TO_DATE and not every:
            continue
        first, *more = prediction.reasons or (_after([names[p] for p in prediction.waits_for]),)
        address = prediction.stage.address
        lines.append(f"  {prediction.verdict.value:<{COLUMN}}  {address}: {first}")
        lines += [f"  {'':<{COLUMN}}  {'':<{len(address)}}  {reason}" for reason in more]
        if prediction.verdict in RUNNING:
            lines += [f"  {'':<{COLUMN}}  > {line}" for line in prediction.stage.command_lines]
    lines += _location_lines(forecasts, locations)
    lines += _timeline_lines(line, names)
    if division:
        lines += _division_lines(division, names)
    return "\n".join(line.rstrip().removesuffix(":") for line in lines)


def _location_lines(
    forecasts: Sequence[Forecast], locations: Sequence[DataLocation | None]
) -> Iterator[str]:
    """Yield where the data are that are not here."""
    names: dict[DataLocation, list[str]] = {}
    for prediction, location in zip(forecasts, locations, strict=bool(locations)):
        if location not in (None, DataLocation.HERE):
            names.setdefault(location, []).append(prediction.stage.address)
    for location, text in _LOCATION_TEXTS.items():
        if location in names:
            count = counted(len(names[location]), "stage")
            yield f"data of {count}, {text}: {_some(names[location])}"


def _timeline_lines(line: Timeline, names: Mapping[StagePosition, str]) -> list[str]:
    if not line.path:
        return []
    path = [names[p] for p in line.path]
    if len(path) > SHOWN_PATH:
        path = [*path[: SHOWN_PATH // 2], "...", *path[-SHOWN_PATH // 2 :]]
    lines = [f"critical path, {counted(len(line.path), 'stage')}: {' -> '.join(path)}"]
    best = f"at best {line.speed_up:.1f} times as fast as one after the other"
    if not line.timed:
        return [*lines, f"{best}, if all stages take equally long: none of them has been timed yet"]
    guessed = line.commands - line.timed
    timed = f", {guessed} of {line.commands} guessed" if guessed else ""
    return [*lines, f"{best}: {time_text(line.path_s)} of {time_text(line.work_s)}{timed}"]


def _division_lines(division: Division, names: Mapping[StagePosition, str]) -> list[str]:
    if not division.groups:
        return []
    count = len(division.groups)
    lines = [f"predicted for submit: {counted(count, 'task')}, {predicted_text(division)}"]
    width = len(f"g{count - 1}")
    for group in division.groups:
        text = _some([names[p] for p in group.positions])
        waits = ", ".join(f"g{n}" for n in group.needs)
        lines.append(
            f"  {f'g{group.number}':<{width}}  {text}" + (f"  after {waits}" * bool(waits))
        )
        if choice := division.memory.get(group.number):
            lines.append(f"  {'':<{width}}  {memory_text(choice)}")
    return lines


def predicted_text(division: Division) -> str:
    """Return how long the tasks should take, and how many of their stages were never timed."""
    stages = sum(len(group.positions) for group in division.groups)
    guessed = stages - division.timed
    untimed = f"; {guessed} of {stages} stages have never been timed" if guessed else ""
    return f"{time_text(division.wall_s)}{untimed}"


def memory_text(choice: MemoryChoice) -> str:
    """Return the memory of a task by attempt, and why it is that."""
    return f"memory {', then '.join(choice.memories)}: {choice.reason}"


def _after(names: Sequence[str]) -> str:
    return f"after {_some(names)}" if names else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f"{', '.join(names[:SHOWN_NAMES])}{more}"


def time_text(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def plan_json(
    forecasts: Sequence[Forecast],
    line: Timeline,
    division: Division | None = None,
    locations: Sequence[DataLocation | None] = (),
) -> dict[str, Any]:
    """Return the forecast as JSON; `dvc_bridge/ui/plan.schema.json` describes it."""
    names = {f.position: f.stage.address for f in forecasts}
    places = [location.value if location else None for location in locations]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "stages": [
            {
                "address": f.stage.address,
                "file": f.stage.file,
                "name": f.stage.name,
                "verdict": f.verdict.value,
                "reasons": list(f.reasons),
                "waits_for": [names[p] for p in f.waits_for],
                "cmd": f.stage.cmd,
                "data": place,
            }
            for f, place in zip(forecasts, places or [None] * len(forecasts), strict=True)
        ],
        "critical_path": [names[p] for p in line.path],
        "critical_path_s": round(line.path_s, 3) if line.timed else None,
        "work_s": round(line.work_s, 3) if line.timed else None,
        "speed_up": round(line.speed_up, 3),
    }
    if division:
        document["tasks"] = [
            {
                "group": group.number,
                "stages": [names[p] for p in group.positions],
                "needs": list(group.needs),
                **_plain_memory(division.memory.get(group.number)),
            }
            for group in division.groups
        ]
        document["predicted_wall_s"] = round(division.wall_s, 3)
    return document


def _plain_memory(choice: MemoryChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    return {"memory": list(choice.memories), "memory_reason": choice.reason}
