"""What each connection has used of its quota, what is left, and when its backlog will be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline.apps.base import App
from pipeline.clock import utc
from pipeline.operations.opened import Opened
from pipeline.schemas.records import Connection, ConnectionState, Lane, LedgerRow, LedgerState
from pipeline.sinks.breaker import Breaker, BreakerState
from pipeline.sinks.limiter import Limiter

WAITS_FOR_OTHERS = frozenset({LedgerState.PARKED, LedgerState.ASIDE})
"""Not for quota: no estimate holds for them."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A connection's calls and its backlog.

    `used` and `left` are calls by span (``60 s``, ``day``); `in_flight` the most calls at once. `backlog` counts
    commands by lane, those that were passed over in the topics included; `states` the open ones by state. `done` is
    when the backlog has been worked off if nothing is added and each command needs one call; None where no quota says,
    or where the connection does not run: then `stopped` says why.
    """

    connection: str
    used: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    backlog: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    done: datetime | None = None
    blocked_until: datetime | None = None
    breaker: BreakerState = BreakerState.CLOSED
    stopped: str = ""


def usages(opened: Opened, apps: Mapping[str, App], connections: Mapping[str, Connection], now: float) -> list[Usage]:
    """Of every connection that is known, has an owner's state or open commands."""
    rows: dict[str, list[LedgerRow]] = {}
    for row in opened.rows():
        rows.setdefault(row.command.connection, []).append(row)
    states = opened.states()
    return [
        usage(states.get(id_) or ConnectionState(connection=id_), rows.get(id_, []), connections.get(id_), apps, now)
        for id_ in sorted(states.keys() | rows.keys() | connections.keys())
    ]


def usage(
    state: ConnectionState,
    rows: list[LedgerRow],
    connection: Connection | None,
    apps: Mapping[str, App],
    now: float,
) -> Usage:
    backlog = Counter(row.command.lane for row in rows if row.state not in WAITS_FOR_OTHERS)
    backlog.update({line.lane: line.count for line in state.behind})
    breaker = Breaker()
    breaker.restore(state.failures, state.breaker_until.timestamp() if state.breaker_until else 0.0)
    known = Usage(
        connection=state.connection,
        backlog={str(lane): backlog[lane] for lane in Lane if backlog[lane]},
        states={str(name): count for name, count in sorted(Counter(row.state for row in rows).items())},
        blocked_until=state.blocked_until if state.blocked_until and state.blocked_until > utc(now) else None,
        breaker=breaker.state(now),
        stopped=state.stopped or _held(connection),
    )
    app = apps.get(connection.app) if connection is not None else None
    if connection is None or app is None:
        return known
    limiter = Limiter(app.quota(connection.settings))
    limiter.restore(state, now)
    spans = limiter.spans(now)
    least_urgent = max(backlog, key=list(Lane).index, default=Lane.LIVE)
    seconds = limiter.forecast(now, backlog.total(), least_urgent)
    return replace(
        known,
        used={name: used for name, (used, _) in spans.items()},
        left={name: max(0, limit - used) for name, (used, limit) in spans.items()},
        in_flight=limiter.in_flight_limit,
        done=None if known.stopped or seconds is None else utc(now + seconds),
    )


def _held(connection: Connection | None) -> str:
    if connection is None:
        return "no such connection (any more): its commands are refused"
    return "paused: go on with `pipeline connections resume`" if connection.paused else ""
