"""A preview as plain values: for a program, for the API's description, and for what a person reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.apps.base import Call, Request
from pipeline.flows.preview import ActionPreview, Preview, plan_word
from pipeline.schemas.envelope import Event


@dataclass(frozen=True, slots=True)
class EventTold:
    """The event that was looked at."""

    id: str
    type: str
    subject: str
    party: str
    connection: str


@dataclass(frozen=True, slots=True)
class ClauseTold:
    """One clause of the flow; `read` holds the values that it read, null where there is none."""

    clause: str
    holds: bool
    read: dict[str, Any]
    message: str


@dataclass(frozen=True, slots=True)
class RequestTold:
    """What would be sent, but for what authenticates it. Bodies are text."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class ActionTold:
    """One action. `applies` is null where an earlier step decides it.

    `plan`: ``create`` | ``update`` | ``write`` | ``read`` | ``unchanged`` | ``superseded`` | ``park`` | ``skip`` |
    ``refuse`` | ``none``; `diff` is what an update changes; `calls` how many calls it makes at the most. `guessed`: the
    input has places for what earlier steps will give, as ``<step.field>``.
    """

    id: str
    app: str
    action: str
    connection: str
    applies: bool | None
    plan: str
    message: str
    guessed: bool
    input: dict[str, Any] | None
    request: RequestTold | None
    diff: dict[str, Any]
    calls: int
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class PreviewTold:
    """One event through one link, in thought. `calls` needed at the most, by connection. Nothing was sent."""

    flow: str
    version: str
    link: str
    event: EventTold
    verdict: str
    message: str
    clauses: list[ClauseTold]
    actions: list[ActionTold]
    calls: dict[str, int] = field(default_factory=dict)


def told(seen: Preview, event: Event) -> PreviewTold:
    actions = [_action(action) for action in seen.actions]
    calls: Counter[str] = Counter()
    for action in actions:
        calls[action.connection] += action.calls
    return PreviewTold(
        flow=seen.flow,
        version=seen.flow_version,
        link=seen.link,
        event=EventTold(event.id, event.type, event.subject, event.party, event.connection),
        verdict=str(seen.verdict),
        message=seen.message,
        clauses=[ClauseTold(one.clause, one.holds, _plain(dict(one.read)), one.message) for one in seen.clauses],
        actions=actions,
        calls={connection: count for connection, count in calls.items() if count},
    )


def _action(action: ActionPreview) -> ActionTold:
    plan = action.plan
    call = plan if isinstance(plan, Call) else None
    return ActionTold(
        id=action.id,
        app=action.app,
        action=action.action,
        connection=action.connection,
        applies=action.applies,
        plan=plan_word(plan),
        message=str(getattr(plan, "message", "") or action.message),
        guessed=action.guessed,
        input=None if action.input is None else _plain(dict(action.input)),
        request=_request(action.request),
        diff=_plain(dict(call.diff)) if call else {},
        calls=call.most if call else 0,
        warnings=list(call.warnings) if call else [],
    )


def _request(request: Request | None) -> RequestTold | None:
    if request is None:
        return None
    body = (request.body or b"").decode(errors="replace")
    return RequestTold(request.method, request.path, dict(request.query), dict(request.headers), body)


def _plain(value: Any) -> Any:
    """As it travels: money is text."""
    return msgspec.json.decode(msgspec.json.encode(value))
