"""Runs: the values an event gives them, and the command of the action that comes next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pipeline.apps.base import App
from pipeline.errors import PipelineError
from pipeline.flows.expressions import Clauses
from pipeline.flows.links import CompiledLink, LinkedAction
from pipeline.flows.templates import MissingValue
from pipeline.schemas.envelope import Event, derive_id
from pipeline.schemas.records import Command, Lane, Run


class Failed(Exception):
    """One link cannot go on with this event; the message is for its verdict."""


class Document:
    """The event's neutral document, made when the first link asks for it and shared by the others."""

    __slots__ = ("_apps", "_event", "_made", "_value")

    def __init__(self, event: Event, apps: Mapping[str, App]) -> None:
        self._event = event
        self._apps = apps
        self._made = False
        self._value: msgspec.Struct | None = None

    def value(self) -> msgspec.Struct | None:
        if not self._made:
            event = self._event
            try:
                self._value = self._apps[event.app].document(event.trigger, event)
            except PipelineError as error:
                raise Failed(str(error)) from None
            self._made = True
        return self._value


def begin(link: CompiledLink, event: Event) -> Run:
    """The run of `event` through `link`, before its first action."""
    return Run(
        id=derive_id(event.id, link.id, event.replay),
        link=link.id,
        flow=link.flow.spec.id,
        flow_version=link.flow.version,
        event_id=event.id,
        event_type=event.type,
        source_connection=event.connection,
        subject=event.subject,
        party=event.party,
        sourceversion=event.sourceversion,
        replay=event.replay,
        traceparent=event.traceparent,
    )


def event_values(link: CompiledLink, data: Any, document: Document) -> dict[str, Any]:
    """All that the link's actions read of the event, by reference text; what is missing is left out."""
    values: dict[str, Any] = {}
    for text, get in link.data:
        value = get(data)
        if value is not None:
            values[text] = value
    if link.document:
        whole = document.value()
        for text, get in link.document:
            value = get(whole)
            if value is not None:
                values[text] = value
    for text in link.needs:
        if text not in values:
            raise Failed(f"the event has no {text}, which the flow needs")
    return values


def next_command(
    link: CompiledLink, run: Run, values: Mapping[str, Any], *, after: int, lane: Lane, now: datetime
) -> Command | None:
    """The command of the first action past `after` that applies. Raises `Failed`."""
    for linked in link.actions:
        action = linked.action
        if action.index > after and (
            linked.clauses is None or linked.clauses.hold(roots(linked.clauses, link, run, values))
        ):
            return Command(
                id=derive_id(run.id, action.id),
                connection=linked.connection,
                app=action.app,
                action=action.name,
                party=run.party,
                input=action_input(linked, run, values),
                run=_carrying(run, linked, values),
                step=action.id,
                index=action.index,
                last=linked.last,
                scope=linked.scope,
                lane=lane,
                created=now,
            )
    return None


def _carrying(run: Run, linked: LinkedAction, values: Mapping[str, Any]) -> Run:
    """The run with what the actions after this one read of the event, and no more."""
    if not linked.carries and not run.trigger:
        return run
    return msgspec.structs.replace(run, trigger={text: values[text] for text in linked.carries if text in values})


def action_input(linked: LinkedAction, run: Run, values: Mapping[str, Any]) -> dict[str, Any]:
    """The action's input, filled in and of the right type. Raises `Failed`."""
    if linked.envelope or linked.outputs:
        values = {**values, **{text: get(run) for text, get in linked.envelope}}
        for text, get in linked.outputs:
            value = get(run.outputs)
            if value is not None:
                values[text] = value
    try:
        built: dict[str, Any] = linked.build(values)
        msgspec.convert(built, linked.action.definition.input)
    except MissingValue as error:
        raise Failed(f"action {linked.action.id!r} needs {error.reference}, which is missing") from None
    except msgspec.ValidationError as error:
        raise Failed(f"action {linked.action.id!r} cannot take its input: {error}") from None
    return built


def roots(clauses: Clauses, link: CompiledLink, run: Run, values: Mapping[str, Any]) -> dict[str, Any]:
    """The roots of an action's clauses, out of what the run carries."""
    data: dict[str, Any] = {}
    for read in clauses.reads:
        value = values.get(f"trigger.{read.text}") if read.root == "data" else None
        if value is not None:
            place = data
            for segment in read.path[:-1]:
                place = place.setdefault(segment, {})
            place[read.path[-1]] = value
    return {"data": data, "options": link.options, "steps": run.outputs}
