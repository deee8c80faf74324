"""The schedule of a CronWorkflow, checked by the rules of Argo.

These are those of ParseStandard in github.com/robfig/cron v3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dvc_bridge.pipeline.argo_settings import ArgoSettings

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# Field -> smallest and largest value, and the names of values.
_FIELDS: Mapping[str, tuple[int, int, Mapping[str, int]]] = {
    "minute": (0, 59, {}),
    "hour": (0, 23, {}),
    "day of the month": (1, 31, {}),
    "month": (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    "day of the week": (0, 6, {name: number for number, name in enumerate(_DAYS)}),
}
_NAMED = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"@every ((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+")
_ITEM = re.compile(r"(?P<first>[*?]|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?")


def cron_fields(schedule: str, argo: ArgoSettings) -> dict[str, Any]:
    """Return the fields of a CronWorkflow's spec that say when it starts.

    Without a time zone in the settings, that of Argo's controller counts.
    """
    return {
        "schedules": [schedule],
        **({"timezone": argo.timezone} if argo.timezone else {}),
        "concurrencyPolicy": argo.concurrency_policy,
    }


def find_schedule_problem(schedule: str) -> str:
    """Return why Argo would not accept a schedule; empty if it would."""
    problem = _find_problem(schedule)
    return f"{schedule!r} is not a valid schedule: {problem}" if problem else ""


def _find_problem(schedule: str) -> str:
    if schedule in _NAMED or _EVERY.fullmatch(schedule):
        return ""
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields instead of {len(_FIELDS)}"
    problems = map(_find_field_problem, _FIELDS, fields)
    return next(filter(None, problems), "")


def _find_field_problem(name: str, field: str) -> str:
    low, high, names = _FIELDS[name]
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or (match["first"] in "*?" and match["last"]):
            return f"{item!r} is not a {name}"
        if match["step"] and not int(match["step"]):
            return f"the step of {item!r} is 0"
        texts = [text for text in (match["first"], match["last"]) if text and text not in "*?"]
        values = [names.get(text.lower(), text) for text in texts]
        for value in values:
            if not str(value).isdecimal() or not low <= int(value) <= high:
                return f"the {name} {value!r} is not between {low} and {high}"
        if len(values) == 2 and int(values[0]) > int(values[1]):
            return f"the range {item!r} ends before it begins"
    return ""
