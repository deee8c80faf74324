"""Schedules are accepted if Argo accepts them, and refused with the field that is wrong."""

from __future__ import annotations

import pytest

from dvc_bridge.engines.argo.cron_schedule import find_schedule_problem


@pytest.mark.parametrize(
    "schedule",
    [
        "0 6 * * 1",
        "*/15 0-6,22-23 1,15 JAN-mar mon-FRI",
        "5/20 * ? * ?",
        "@daily",
        "@every 1h30m",
        "59 23 31 12 6",
    ],
)
def test_a_schedule_that_argo_accepts_is_accepted(schedule: str) -> None:
    assert find_schedule_problem(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("every day", "it has 2 fields instead of 5"),
        ("0 0 6 * * 1", "it has 6 fields instead of 5"),
        ("", "it has 0 fields instead of 5"),
        ("61 * * * *", "the minute '61' is not between 0 and 59"),
        ("0 24 * * *", "the hour '24' is not between 0 and 23"),
        ("0 0 0 * *", "the day of the month '0' is not between 1 and 31"),
        ("0 0 * 13 *", "the month '13' is not between 1 and 12"),
        ("0 0 * * 7", "the day of the week '7' is not between 0 and 6"),
        ("0 0 * * moon", "the day of the week 'moon' is not between 0 and 6"),
        ("30-10 * * * *", "the range '30-10' ends before it begins"),
        ("*/0 * * * *", "the step of '*/0' is 0"),
        ("*-5 * * * *", "'*-5' is not a minute"),
        ("1,,2 * * * *", "'' is not a minute"),
        ("@every hour", "it has 2 fields instead of 5"),
        ("@noon", "it has 1 fields instead of 5"),
    ],
)
def test_a_wrong_schedule_is_refused_with_the_wrong_field(schedule: str, problem: str) -> None:
    assert find_schedule_problem(schedule) == f"{schedule!r} is not a valid schedule: {problem}"
