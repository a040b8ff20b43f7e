"""A flow's preview for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pipeline.flows.told import ActionTold, PreviewTold


def lines(seen: PreviewTold) -> Iterator[str]:
    """A line for each clause and action, and what would be sent."""
    yield f"{seen.flow} {seen.version}: {seen.verdict} {seen.message}".rstrip()
    event = seen.event
    yield f"  event {event.type} {event.subject} of {event.party or 'nobody'}, from {event.connection}"
    for clause in seen.clauses:
        mark = "holds" if clause.holds else "FALSE"
        read = ", ".join(f"{name} = {_json(value)}" for name, value in clause.read.items())
        yield f"  when  {mark}  {clause.clause}   read {read or 'nothing'} {clause.message}".rstrip()
    for number, action in enumerate(seen.actions, start=1):
        yield f"  {number}. {action.id}: {action.app} {action.action} -> {said(action)}"
        yield from _sent(action)
    if seen.calls:
        calls = ", ".join(f"{count} of {connection}" for connection, count in seen.calls.items())
        yield f"  calls at the most: {calls}; nothing was sent"


def said(action: ActionTold) -> str:
    match action.plan:
        case "none":
            return action.message or "does not apply"
        case "unchanged":
            return "unchanged: no call"
        case "superseded":
            return "superseded by a newer version: no call"
        case "park":
            return f"waits: {action.message}"
        case "skip":
            return f"skipped: {action.message}"
        case "refuse":
            return f"refused: {action.message}"
        case operation:
            guessed = ", with values that earlier steps will give" if action.guessed else ""
            return f"{operation} (at most {action.calls} calls{guessed})"


def _sent(action: ActionTold) -> Iterator[str]:
    if action.request is not None:
        query = "&".join(f"{name}={value}" for name, value in action.request.query.items())
        yield f"       {action.request.method} {action.request.path}{'?' if query else ''}{query}"
        for name, value in action.request.headers.items():
            yield f"       {name}: {value}"
        if action.request.body:
            yield f"       {action.request.body}"
    for name, value in action.diff.items():
        yield f"       changes {name}: {_json(value)}"
    for warning in action.warnings:
        yield f"       warning: {warning}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
