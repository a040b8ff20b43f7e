"""Deciding: what an event, or the end of a step, asks for. Pure, and deterministic in all ids.

Deciding an event twice gives the same runs and commands. Nothing here raises: what fails becomes a verdict that says
why, and the caller dead-letters the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from pipeline.apps.base import App, Trigger
from pipeline.errors import ConfigurationError, PipelineError
from pipeline.flows.expressions import Clauses, Outcome
from pipeline.flows.links import CompiledLink, LinkedAction
from pipeline.flows.rules import BrokenLink, Rule, RuleSet
from pipeline.flows.templates import MissingValue
from pipeline.schemas.envelope import Event, derive_id
from pipeline.schemas.records import Command, Decision, Emit, Lane, LinkDecision, Run, Step, Verdict, mapping_scope

FETCH = "fetch"
"""The step id of a fetch."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of an event: one decision record, and the first command of each run that began.

    The verdict of the event is `failed` if any link failed, else `matched` if any matched.
    """

    decision: Decision
    commands: list[Command] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What follows a step: a command, nothing (the run ended), or a decision record that says why it cannot go on."""

    commands: list[Command] = field(default_factory=list)
    decision: Decision | None = None


class _Failed(Exception):
    """One link cannot go on with this event; the message is for its verdict."""


def decide(event: Event, rules: RuleSet, now: datetime) -> Decided:
    """Every link's verdict on `event`, and the commands that follow."""
    met = rules.meeting(event.connection, event.type)
    if not met:
        return _unmet(event, rules, now)
    if event.hint:
        return _fetch(event, rules, now)
    document = _Document(event, rules.apps)
    commands: list[Command] = []
    links = [_meet(event, rule, document, now, commands) for rule in met]
    verdict = links[0].verdict if len(links) == 1 else _overall(links)
    return Decided(_decision(event, verdict, now, links), commands)


def advance(step: Step, rules: RuleSet, now: datetime) -> Advanced:
    """The next command of a run whose `step` ended; none where no later action applies."""
    run = step.run
    try:
        link = rules.resume(run.link, run.flow, run.flow_version)
        command = _next(link, run, run.trigger, after=step.index, lane=step.lane, now=now)
    except (ConfigurationError, _Failed) as error:
        said = LinkDecision(
            link=run.link,
            flow=run.flow,
            flow_version=run.flow_version,
            verdict=Verdict.FAILED,
            message=f"after step {step.step!r}: {error}",
            run=run.id,
        )
        decision = Decision(
            event_id=run.event_id,
            event_type=run.event_type,
            connection=run.source_connection,
            party=run.party,
            subject=run.subject,
            verdict=Verdict.FAILED,
            links=[said],
            message=f"run {run.id} cannot go on",
            replay=run.replay,
            decided=now,
        )
        return Advanced(decision=decision)
    return Advanced([] if command is None else [command])


class _Document:
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
                raise _Failed(str(error)) from None
            except Exception as error:  # an app's fault with one object must not stop the others
                raise _Failed(f"the object cannot be read: {type(error).__name__}: {error}") from None
            self._made = True
        return self._value


def _meet(event: Event, rule: Rule, document: _Document, now: datetime, commands: list[Command]) -> LinkDecision:
    """One link's verdict; a command of a run that begins is added to `commands`."""
    if isinstance(rule, BrokenLink):
        return LinkDecision(
            link=rule.id, flow=rule.flow, flow_version=rule.flow_version, verdict=Verdict.FAILED, message=rule.message
        )
    flow = rule.flow
    data = event.data
    clauses = flow.clauses
    roots = {"data": data, "options": rule.options}
    if not clauses.hold(roots):
        return _not_matched(rule, clauses.first_false(roots))
    run_id = derive_id(event.id, rule.id, event.replay)
    try:
        values = _values(rule, data, document)
        run = Run(
            id=run_id,
            link=rule.id,
            flow=flow.spec.id,
            flow_version=flow.version,
            event_id=event.id,
            event_type=event.type,
            source_connection=event.connection,
            subject=event.subject,
            party=event.party,
            sourceversion=event.sourceversion,
            replay=event.replay,
            traceparent=event.traceparent,
            trigger={text: values[text] for text in rule.carried if text in values},
        )
        command = _next(rule, run, values, after=-1, lane=Lane.BULK if event.replay else Lane.LIVE, now=now)
    except _Failed as error:
        return LinkDecision(
            link=rule.id,
            flow=flow.spec.id,
            flow_version=flow.version,
            verdict=Verdict.FAILED,
            message=str(error),
            run=run_id,
        )
    if command is None:
        return LinkDecision(
            link=rule.id,
            flow=flow.spec.id,
            flow_version=flow.version,
            verdict=Verdict.MATCHED,
            message="no action applies",
            run=run_id,
        )
    commands.append(command)
    return LinkDecision(
        link=rule.id,
        flow=flow.spec.id,
        flow_version=flow.version,
        verdict=Verdict.MATCHED,
        run=run_id,
        command=command.id,
    )


def _values(link: CompiledLink, data: Any, document: _Document) -> dict[str, Any]:
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
            raise _Failed(f"the event has no {text}, which the flow needs")
    return values


def _next(
    link: CompiledLink, run: Run, values: Mapping[str, Any], *, after: int, lane: Lane, now: datetime
) -> Command | None:
    """The command of the first action past `after` that applies. Raises `_Failed`."""
    for linked in link.actions:
        action = linked.action
        if action.index > after and (
            linked.clauses is None or linked.clauses.hold(_roots(linked.clauses, link, run, values))
        ):
            return Command(
                id=derive_id(run.id, action.id),
                connection=linked.connection,
                app=action.app,
                action=action.name,
                party=run.party,
                input=_input(linked, run, values),
                run=run,
                step=action.id,
                index=action.index,
                last=linked.last,
                scope=linked.scope,
                lane=lane,
                created=now,
            )
    return None


def _input(linked: LinkedAction, run: Run, values: Mapping[str, Any]) -> dict[str, Any]:
    """The action's input, filled in and of the right type. Raises `_Failed`."""
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
        raise _Failed(f"action {linked.action.id!r} needs {error.reference}, which is missing") from None
    except msgspec.ValidationError as error:
        raise _Failed(f"action {linked.action.id!r} cannot take its input: {error}") from None
    return built


def _roots(clauses: Clauses, link: CompiledLink, run: Run, values: Mapping[str, Any]) -> dict[str, Any]:
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


def _not_matched(link: CompiledLink, outcome: Outcome) -> LinkDecision:
    return LinkDecision(
        link=link.id,
        flow=link.flow.spec.id,
        flow_version=link.flow.version,
        verdict=Verdict.NOT_MATCHED,
        clause=outcome.clause,
        read=dict(outcome.read),
        message=outcome.message,
    )


def _overall(links: list[LinkDecision]) -> Verdict:
    verdicts = {link.verdict for link in links}
    return next(one for one in (Verdict.FAILED, Verdict.MATCHED, Verdict.NOT_MATCHED) if one in verdicts)


def _decision(event: Event, verdict: Verdict, now: datetime, links: list[LinkDecision], message: str = "") -> Decision:
    return Decision(
        event_id=event.id,
        event_type=event.type,
        connection=event.connection,
        party=event.party,
        subject=event.subject,
        verdict=verdict,
        links=links,
        message=message,
        replay=event.replay,
        decided=now,
    )


def _unmet(event: Event, rules: RuleSet, now: datetime) -> Decided:
    """No link is for this event: fine if it is a known kind from a known connection, else it failed."""
    try:
        _trigger(event, rules)
    except _Failed as error:
        return Decided(_decision(event, Verdict.FAILED, now, [], str(error)))
    return Decided(_decision(event, Verdict.NO_LINK, now, []))


def _fetch(event: Event, rules: RuleSet, now: datetime) -> Decided:
    """A hint is not to be trusted: the object is fetched, and decided when it comes back as an event."""
    try:
        trigger = _trigger(event, rules)
        if not trigger.fetch:
            raise _Failed(f"{event.type} came as a hint, and its app cannot fetch the object: send the whole object")
        if not event.subject:
            raise _Failed(f"{event.type} came as a hint without a subject: nothing says which object to fetch")
    except _Failed as error:
        return Decided(_decision(event, Verdict.FAILED, now, [], str(error)))
    run = Run(
        id=derive_id(event.id, "", event.replay),
        link="",
        flow="",
        flow_version="",
        event_id=event.id,
        event_type=event.type,
        source_connection=event.connection,
        subject=event.subject,
        party=event.party,
        sourceversion=event.sourceversion,
        replay=event.replay,
        traceparent=event.traceparent,
    )
    command = Command(
        id=derive_id(run.id, FETCH),
        connection=event.connection,
        app=event.app,
        action=trigger.fetch,
        party=event.party or event.subject,
        input={"id": event.subject},
        run=run,
        step=FETCH,
        index=0,
        last=True,
        scope=mapping_scope(event.connection, event.connection),
        lane=Lane.BULK if event.replay else Lane.LIVE,
        emit=Emit(type=event.type, source_connection=event.connection),
        created=now,
    )
    return Decided(_decision(event, Verdict.FETCHING, now, []), [command])


def _trigger(event: Event, rules: RuleSet) -> Trigger:
    """The event's trigger. Raises `_Failed` for an unknown app, trigger or connection."""
    app = rules.apps.get(event.app)
    if app is None:
        raise _Failed(f"there is no app {event.app!r} (type {event.type!r}): installed are {', '.join(rules.apps)}")
    trigger = app.triggers.get(event.trigger)
    if trigger is None:
        raise _Failed(f"{app.name} has no trigger {event.trigger!r}: it has {', '.join(app.triggers)}")
    connection = rules.connections.get(event.connection)
    if connection is None:
        raise _Failed(f"there is no connection {event.connection!r}: apply it, then redrive the event")
    if connection.app != event.app:
        raise _Failed(f"connection {connection.id!r} is of {connection.app}, and {event.type!r} is not")
    return trigger
