"""A flow's preview for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.apps.base import Call, Mapped, Park, Refuse, Skip, Superseded, Unchanged

if TYPE_CHECKING:
    from pipeline.flows.preview import ActionPreview, Preview
    from pipeline.schemas.records import ObjectRef


@dataclass(frozen=True, slots=True)
class EmptyView:
    """What planning looks at where nothing is mapped yet: `apps.base.View`."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return None


def row(seen: Preview) -> dict[str, Any]:
    """All of it, as JSON holds it. Bodies are text."""
    return {
        "flow": seen.flow,
        "version": seen.flow_version,
        "verdict": seen.verdict,
        "message": seen.message,
        "clauses": [{"clause": c.clause, "holds": c.holds, "read": c.read, "message": c.message} for c in seen.clauses],
        "actions": [_action(action) for action in seen.actions],
    }


def lines(seen: Preview) -> Iterator[str]:
    """A line for each clause and action, and the body of what would be sent."""
    yield f"{seen.flow} {seen.flow_version}: {seen.verdict} {seen.message}".rstrip()
    for clause in seen.clauses:
        mark = "holds" if clause.holds else "FALSE"
        yield f"  when  {mark}  {clause.clause}   read {dict(clause.read)} {clause.message}".rstrip()
    for number, action in enumerate(seen.actions, start=1):
        yield f"  {number}. {action.id}: {action.app} {action.action} -> {_said(action)}"
        if request := action.request:
            yield f"       {request.method} {request.path}"
            if request.body:
                yield f"       {request.body.decode(errors='replace')}"


def _action(action: ActionPreview) -> dict[str, Any]:
    request = action.request
    return {
        "id": action.id,
        "app": action.app,
        "action": action.action,
        "applies": action.applies,
        "guessed": action.guessed,
        "input": action.input,
        "plan": _said(action),
        "request": request
        and {"method": request.method, "path": request.path, "body": (request.body or b"").decode(errors="replace")},
        "message": action.message,
    }


def _said(action: ActionPreview) -> str:
    match action.plan:
        case Call(operation=operation, most=most):
            guessed = ", with values that earlier steps will give" if action.guessed else ""
            return f"{operation} (at most {most} calls{guessed})"
        case Unchanged():
            return "unchanged: no call"
        case Superseded():
            return "superseded by a newer version: no call"
        case Park(message=message):
            return f"waits: {message}"
        case Skip(message=message):
            return f"skipped: {message}"
        case Refuse(message=message):
            return f"refused: {message}"
        case None:
            return action.message or "does not apply"
