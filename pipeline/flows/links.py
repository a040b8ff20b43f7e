"""A flow switched on: connections checked, options put in, and what each action needs from the event worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConfigurationError
from pipeline.flows.answers import Questions, questions
from pipeline.flows.compile import CompiledAction, CompiledFlow
from pipeline.flows.expressions import Clauses
from pipeline.flows.options import resolve_options
from pipeline.flows.references import Reference, getter
from pipeline.flows.shapes import did_you_mean
from pipeline.flows.templates import Builder, builder, fold, references
from pipeline.schemas.records import Connection, Link, Run, mapping_scope

Getter = Callable[[Any], Any]

ENVELOPE: Mapping[str, Callable[[Run], str]] = {
    "trigger.subject": lambda run: run.subject,
    "trigger.party": lambda run: run.party,
    "trigger.connection": lambda run: run.source_connection,
    "trigger.app": lambda run: run.event_type.partition(".")[0],
    "trigger.type": lambda run: run.event_type,
    "trigger.id": lambda run: run.event_id,
    "trigger.version": lambda run: run.sourceversion,
}
"""What a run knows about its event by itself."""


@dataclass(frozen=True, slots=True)
class LinkedAction:
    """One action of a link. `clauses` is None where the options decided already that it applies.

    `last`: no later action can apply. `needs` are the event's values without which it cannot be built, `carries` those
    that later actions read; `envelope` and `outputs` are what else its input reads.
    """

    action: CompiledAction
    connection: str
    scope: str
    last: bool
    clauses: Clauses | None
    build: Builder
    needs: tuple[str, ...]
    carries: tuple[str, ...]
    envelope: tuple[tuple[str, Callable[[Run], str]], ...]
    outputs: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class CompiledLink:
    """A flow with its link. `data` and `document` are getters, by reference text, of all that any action reads.

    `needs` are the values without which a run would stop half-way: they are asked for before anything is done.
    `asked` are the questions of the flow's clauses under the link's options.
    """

    id: str
    flow: CompiledFlow
    options: Mapping[str, Any]
    source: str
    actions: tuple[LinkedAction, ...]
    data: tuple[tuple[str, Getter], ...]
    document: tuple[tuple[str, Getter], ...]
    needs: tuple[str, ...]
    asked: Questions


def link_flow(flow: CompiledFlow, link: Link, connections: Mapping[str, Connection]) -> CompiledLink:
    """Raises `ConfigurationError` where connections or options do not suit the flow."""
    named = _connections(flow, link, connections)
    try:
        options = resolve_options(flow.spec.options, link.options)
    except ConfigurationError as error:
        raise ConfigurationError(f"link {link.id!r} of flow {flow.id!r}: {error}") from None
    source = named[flow.app.name]
    applying = [action for action in flow.actions if not action.clauses.constant or _applies(action, options)]
    actions = tuple(
        _linked(action, named, source, options, applying[place:]) for place, action in enumerate(applying, start=1)
    )
    read = {reference.text: reference for action in applying for reference in _from_event(action)}
    return CompiledLink(
        id=link.id,
        flow=flow,
        options=options,
        source=source,
        actions=actions,
        data=tuple((text, getter(one.path[1:])) for text, one in read.items() if one.root == "trigger"),
        document=tuple((text, getter(one.path)) for text, one in read.items() if one.root == "document"),
        needs=tuple(dict.fromkeys(text for action in actions if action.clauses is None for text in action.needs)),
        asked=questions(flow.clauses, options),
    )


def _connections(flow: CompiledFlow, link: Link, connections: Mapping[str, Connection]) -> Mapping[str, str]:
    faults = []
    for app in flow.apps:
        name = link.connections.get(app)
        if name is None:
            faults.append(f"it needs a connection of {app}")
        elif name not in connections:
            faults.append(f"there is no connection {name!r}{did_you_mean(name, connections)}")
        elif connections[name].app != app:
            faults.append(f"connection {name!r} is of {connections[name].app}, not of {app}")
    faults += [f"the flow has nothing to do with {app!r}" for app in link.connections if app not in flow.apps]
    if faults:
        raise ConfigurationError(f"link {link.id!r} of flow {flow.id!r}: {'; '.join(faults)}")
    return link.connections


def _applies(action: CompiledAction, options: Mapping[str, Any]) -> bool:
    return action.clauses.hold({"options": options})


def _linked(
    action: CompiledAction,
    named: Mapping[str, str],
    source: str,
    options: Mapping[str, Any],
    later: Sequence[CompiledAction],
) -> LinkedAction:
    template = fold(action.template, {f"options.{name}": value for name, value in options.items()})
    read = {reference.text: reference for reference in references(template)}
    connection = named[action.app]
    return LinkedAction(
        action=action,
        connection=connection,
        scope=mapping_scope(source, connection if connection != source else _other(named, source)),
        last=not later,
        clauses=None if action.clauses.constant else action.clauses,
        build=builder(template),
        needs=tuple(text for text, one in read.items() if one.from_event and not one.optional),
        carries=tuple(dict.fromkeys(reference.text for action in later for reference in _from_event(action))),
        envelope=tuple((text, ENVELOPE[text]) for text in read if text in ENVELOPE),
        outputs=tuple((text, getter(one.path)) for text, one in read.items() if one.root == "steps"),
    )


def _other(named: Mapping[str, str], source: str) -> str:
    """The far connection of an action that goes back to the source: the first one the link names besides it."""
    return next((connection for connection in named.values() if connection != source), source)


def _from_event(action: CompiledAction) -> list[Reference]:
    """What the action's input and clauses read of the event itself."""
    asked = [
        Reference(f"trigger.{read.text}", "trigger", ("data", *read.path))
        for read in action.clauses.reads
        if read.root == "data"
    ]
    return [*(reference for reference in references(action.template) if reference.from_event), *asked]
