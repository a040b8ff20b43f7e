"""When a flow is due that starts by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.apps.schedules import Schedule, schedule_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def due(schedule: Schedule, now: float) -> str:
    found = schedule.last(now)
    assert found is not None
    return str(schedule.data(found)["due"])


@pytest.mark.parametrize(
    ("given", "last"),
    [
        ({"every": "hour"}, "2026-03-01T12:00:00Z"),
        ({"every": "day"}, "2026-03-01T00:00:00Z"),
        ({"every": "day", "timezone": "Europe/Oslo"}, "2026-02-28T23:00:00Z"),
        ({"cron": "30 6 * * 1"}, "2026-02-23T06:30:00Z"),
        ({"cron": "  0   12 * * * "}, "2026-03-01T12:00:00Z"),
        ({"cron": "0 13 * * *"}, "2026-02-28T13:00:00Z"),
    ],
)
def test_the_last_due_time_is_found_in_the_schedules_own_zone(given: dict[str, str], last: str) -> None:
    assert due(schedule_of(given), NOON) == last


def test_a_time_is_due_at_its_second_and_not_before() -> None:
    hourly = schedule_of({"every": "hour"})
    assert due(hourly, NOON - 0.001) == "2026-03-01T11:00:00Z"
    assert due(hourly, NOON) == due(hourly, NOON + 3599.9) == "2026-03-01T12:00:00Z"


def test_each_day_is_due_once_where_the_clocks_are_changed() -> None:
    daily = schedule_of({"cron": "30 2 * * *", "timezone": "Europe/Oslo"})
    for day, times in ((datetime(2026, 3, 29, tzinfo=UTC), 1), (datetime(2026, 10, 25, tzinfo=UTC), 1)):
        hours = range(0, 24 * 3600, 900)
        found = {due(daily, day.timestamp() + seconds) for seconds in hours}
        assert len([each for each in found if each.startswith(f"{day:%Y-%m-%d}")]) == times


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "either every (hour or day) or cron"),
        ({"every": "hour", "cron": "0 * * * *"}, "either every (hour or day) or cron"),
        ({"every": "minute"}, "every is one of hour, day"),
        ({"cron": "61 * * * *"}, "bad minute"),
        ({"cron": "* * * *"}, "wrong number of fields"),
        ({"cron": "0 0 30 2 *"}, "is wrong"),
        ({"cron": "@daily"}, "is wrong"),
        ({"every": "day", "timezone": "Oslo"}, "no time zone"),
        ({"every": "day", "timezone": "../etc/passwd"}, "no time zone"),
    ],
)
def test_what_is_no_schedule_is_said_in_one_sentence(given: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        schedule_of(given)
    assert says in str(caught.value)


def test_flows_that_say_the_same_are_of_one_schedule() -> None:
    assert schedule_of({"every": "hour"}).key == schedule_of({"cron": "0 * * * *"}).key
    assert schedule_of({"every": "hour"}).key != schedule_of({"every": "hour", "timezone": "Europe/Oslo"}).key
