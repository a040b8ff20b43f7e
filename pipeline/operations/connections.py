"""Connections as their owners know them: whether each works, why not, and what uses it. Without secrets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.apps.webhook_secrets import NAME as WEBHOOK_SECRET
from pipeline.clock import utc
from pipeline.control.manage.connections import links_of
from pipeline.control.snapshot import ControlSnapshot, credentials_hash
from pipeline.operations.installation import Parts
from pipeline.schemas.records import Connection, ConnectionState
from pipeline.sinks.breaker import Breaker, BreakerState


class Condition(StrEnum):
    """Of a connection: `WAITING` the app blocks it, `FAILING` its breaker is not closed."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    WAITING = "waiting"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class ConnectionShown:
    """`secrets` are the names of those that are stored. `why` names the remedy of its state, or until when it holds.

    `stopped` is the reason of a stop, also while it is paused; `breaker` is closed where calls are answered.
    """

    id: str
    name: str
    app: str
    settings: Mapping[str, Any]
    secrets: list[str]
    paused: bool
    state: Condition
    why: str
    stopped: str
    breaker: str
    links: list[str]
    signed_webhooks: bool


def connections_shown(here: Parts, app: str = "") -> list[ConnectionShown]:
    """In the order of their ids; of one app, where it is named."""
    control, states = here.control(), here.opened().states()
    chosen = (each for each in control.connections.values() if app in ("", each.app))
    return [_shown(each, control, states.get(each.id)) for each in sorted(chosen, key=lambda each: each.id)]


def connection_shown(here: Parts, id: str) -> ConnectionShown:
    """Raises `NotThere`."""
    control = here.control()
    return _shown(control.connection(id), control, here.opened().states().get(id))


def why_stopped(connection: Connection, state: ConnectionState | None) -> str:
    """ "" where it is not stopped. A stop of earlier credentials is over."""
    return state.stopped if state is not None and state.credentials == credentials_hash(connection) else ""


def _shown(connection: Connection, control: ControlSnapshot, state: ConnectionState | None) -> ConnectionShown:
    stopped, now = why_stopped(connection, state), time.time()
    state = state or ConnectionState(connection=connection.id)
    breaker = Breaker()
    breaker.restore(state.failures, state.breaker_until.timestamp() if state.breaker_until else 0.0)
    condition, why = _condition(connection, state, stopped, breaker, now)
    return ConnectionShown(
        id=connection.id,
        name=connection.name or connection.id,
        app=connection.app,
        settings=connection.settings,
        secrets=sorted(connection.secrets),
        paused=connection.paused,
        state=condition,
        why=why,
        stopped=stopped,
        breaker=str(breaker.state(now)),
        links=links_of(control, connection.id),
        signed_webhooks=WEBHOOK_SECRET in connection.secrets,
    )


def _condition(
    connection: Connection, state: ConnectionState, stopped: str, breaker: Breaker, now: float
) -> tuple[Condition, str]:
    if connection.paused:
        why = f"`pipeline connections resume {connection.id}` goes on"
        return Condition.PAUSED, f"{why}; then: {stopped}" if stopped else why
    if stopped:
        return Condition.STOPPED, stopped
    if state.blocked_until and state.blocked_until > utc(now):
        return Condition.WAITING, f"the app asked to wait until {state.blocked_until:%Y-%m-%d %H:%M:%SZ}"
    if breaker.state(now) is not BreakerState.CLOSED:
        until = f", the next one at {utc(breaker.until):%H:%M:%SZ}" if breaker.until > now else ""
        return Condition.FAILING, f"no usable answer to {state.failures} calls in a row{until}"
    return Condition.RUNNING, ""
