"""What a connection has used, what is left of its quota, and when its backlog will be done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.apps.base import App, Quota
from pipeline.clock import utc
from pipeline.operations.usage import Usage, usage
from pipeline.schemas.records import Behind, Connection, ConnectionState, Lane, LedgerRow, LedgerState
from pipeline.sinks.breaker import LIMIT, BreakerState
from tests.sinks.toy import ToyApp, command

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
A_MINUTE = Quota(windows=((60, 60.0),), day=1000, in_flight=5, live_reserve=0)
TOPIC = "toy.commands"


def row(id_: str, state: LedgerState = LedgerState.QUEUED, lane: Lane = Lane.LIVE) -> LedgerRow:
    return LedgerRow(state=state, command=command(id_, lane=lane), topic=TOPIC, offset=0)


def of(state: ConnectionState, *rows: LedgerRow, paused: bool = False, known: bool = True) -> Usage:
    apps: dict[str, App] = {"toy": ToyApp(A_MINUTE)}
    return usage(state, list(rows), Connection(id="c", app="toy", paused=paused) if known else None, apps, NOON)


def state(**given: Any) -> ConnectionState:
    return ConnectionState(connection="c", **({"day": "2026-03-01"} | given))


def test_it_shows_what_is_used_and_left_of_each_span() -> None:
    found = of(state(calls=[((int(NOON) - 10) * 10, 20)], day_calls=400))
    assert (dict(found.used), dict(found.left)) == ({"60 s": 20, "day": 400}, {"60 s": 40, "day": 600})


def test_the_backlog_counts_open_commands_and_those_passed_over_in_the_topics() -> None:
    behind = [Behind(topic=TOPIC, lane=Lane.REPLAY, offset=5, count=300)]
    found = of(state(behind=behind), row("a"), row("b", lane=Lane.REPLAY), row("p", LedgerState.PARKED))
    assert found.backlog == {"live": 1, "replay": 301}
    assert found.states == {"parked": 1, "queued": 2}
    assert found.done == utc(NOON + 302)


@pytest.mark.parametrize(
    ("given", "said"), [({"stopped": "the token is dead"}, "the token is dead"), ({}, "paused: go on with")]
)
def test_what_does_not_run_has_no_end_in_sight_and_says_why(given: dict[str, str], said: str) -> None:
    found = of(state(**given), row("a"), paused=not given)
    assert found.done is None
    assert found.stopped.startswith(said)


def test_an_open_breaker_is_shown() -> None:
    assert of(state(failures=LIMIT, breaker_until=utc(NOON + 5))).breaker is BreakerState.OPEN


def test_a_connection_that_is_no_more_is_shown_with_what_it_left() -> None:
    found = of(state(), row("a"), known=False)
    assert (found.backlog, found.done) == ({"live": 1}, None)
    assert "no such connection" in found.stopped
