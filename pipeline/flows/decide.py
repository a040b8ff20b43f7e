"""Deciding: what an event, or the end of a step, asks for. Pure, and deterministic in all ids.

Deciding an event twice gives the same runs and commands. Nothing here raises: what fails becomes a verdict that says
why, and the caller dead-letters the event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.apps.base import Trigger
from pipeline.errors import ConfigurationError
from pipeline.flows.answers import Answers
from pipeline.flows.links import CompiledLink
from pipeline.flows.rules import BrokenLink, Rule, RuleSet
from pipeline.flows.runs import Document, Failed, begin, event_values, next_command
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


def decide(event: Event, rules: RuleSet, now: datetime) -> Decided:
    """Every link's verdict on `event`, and the commands that follow."""
    met = rules.meeting(event.connection, event.type)
    if not met:
        return _unmet(event, rules, now)
    if event.hint:
        return _fetch(event, rules, now)
    meeting = _Meeting(event, Document(event, rules.apps), now)
    links = [meeting.with_link(rule) for rule in met]
    verdict = links[0].verdict if len(links) == 1 else _overall(links)
    return Decided(_decision(event, verdict, now, links), meeting.commands)


def advance(step: Step, rules: RuleSet, now: datetime) -> Advanced:
    """The next command of a run whose `step` ended; none where no later action applies."""
    run = step.run
    try:
        link = rules.resume(run.link, run.flow, run.flow_version)
        command = next_command(link, run, run.trigger, after=step.index, lane=step.lane, now=now)
    except (ConfigurationError, Failed) as error:
        return Advanced(decision=_stuck(step, str(error), now))
    except Exception as error:  # one run's fault must not stop the others
        return Advanced(decision=_stuck(step, f"{type(error).__name__}: {error}", now))
    return Advanced([] if command is None else [command])


class _Meeting:
    """An event and the links that it meets, with what they share: the answers to their clauses, and the document."""

    __slots__ = ("_answers", "_document", "_event", "_now", "commands")

    def __init__(self, event: Event, document: Document, now: datetime) -> None:
        self._event = event
        self._document = document
        self._now = now
        self._answers = Answers(event.data)
        self.commands: list[Command] = []

    def with_link(self, rule: Rule) -> LinkDecision:
        """One link's verdict; the first command of a run that begins is added to `commands`."""
        if isinstance(rule, BrokenLink):
            return LinkDecision(
                link=rule.id,
                flow=rule.flow,
                flow_version=rule.flow_version,
                verdict=Verdict.FAILED,
                message=rule.message,
            )
        trigger = rule.flow.trigger
        if (trigger.asked or trigger.scheduled) and _for_another(self._event.data, rule.id):
            return _said(
                rule, Verdict.NOT_MATCHED, clause=f'data.link == "{rule.id}"', message="another link was meant"
            )
        if self._event.echo and any(action.scope == self._event.echo for action in rule.actions):
            return _said(rule, Verdict.ECHO, message="a write of our own came back")
        try:
            false = self._answers.first_false(rule.flow.clauses, rule.options, rule.asked)
            if false is not None:
                return _said(
                    rule, Verdict.NOT_MATCHED, clause=false.clause, read=dict(false.read), message=false.message
                )
            command, run = self._begin(rule)
        except Failed as error:
            return _said(rule, Verdict.FAILED, message=str(error))
        except Exception as error:  # one link's or object's fault must not stop the others
            return _said(rule, Verdict.FAILED, message=f"the event cannot be read: {type(error).__name__}: {error}")
        if command is None:
            return _said(rule, Verdict.MATCHED, message="no action applies", run=run.id)
        self.commands.append(command)
        return _said(rule, Verdict.MATCHED, run=run.id, command=command.id)

    def _begin(self, link: CompiledLink) -> tuple[Command | None, Run]:
        event = self._event
        values = event_values(link, event.data, self._document)
        run = begin(link, event)
        return next_command(link, run, values, after=-1, lane=_lane(event), now=self._now), run


def _for_another(data: Any, link: str) -> bool:
    """Whether somebody started another link by hand."""
    meant = data.get("link") if isinstance(data, dict) else None
    return meant is not None and meant != link


def _said(link: CompiledLink, verdict: Verdict, **said: Any) -> LinkDecision:
    return LinkDecision(link=link.id, flow=link.flow.spec.id, flow_version=link.flow.version, verdict=verdict, **said)


def _lane(event: Event) -> Lane:
    return event.lane or (Lane.REPLAY if event.replay else Lane.LIVE)


def _stuck(step: Step, message: str, now: datetime) -> Decision:
    """The record of a run that cannot go on. It stands for the event, so that whoever looks the event up finds it."""
    run = step.run
    said = LinkDecision(
        link=run.link,
        flow=run.flow,
        flow_version=run.flow_version,
        verdict=Verdict.FAILED,
        message=message,
        run=run.id,
    )
    return Decision(
        event_id=run.event_id,
        event_type=run.event_type,
        connection=run.source_connection,
        party=run.party,
        subject=run.subject,
        verdict=Verdict.FAILED,
        links=[said],
        message=f"run {run.id} cannot go on after step {step.step!r}: {message}",
        replay=run.replay,
        decided=now,
    )


def _overall(links: list[LinkDecision]) -> Verdict:
    verdicts = {link.verdict for link in links}
    return next(one for one in (Verdict.FAILED, Verdict.MATCHED, Verdict.NOT_MATCHED, Verdict.ECHO) if one in verdicts)


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
    except Failed as error:
        return Decided(_decision(event, Verdict.FAILED, now, [], str(error)))
    return Decided(_decision(event, Verdict.NO_LINK, now, []))


def _fetch(event: Event, rules: RuleSet, now: datetime) -> Decided:
    """A hint is not to be trusted: the object is fetched, and decided when it comes back as an event."""
    try:
        trigger = _trigger(event, rules)
        if not trigger.fetch:
            raise Failed(f"{event.type} came as a hint, and its app cannot fetch the object: send the whole object")
        if not event.subject:
            raise Failed(f"{event.type} came as a hint without a subject: nothing says which object to fetch")
    except Failed as error:
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
        lane=_lane(event),
        emit=Emit(type=event.type, source_connection=event.connection),
        created=now,
    )
    return Decided(_decision(event, Verdict.FETCHING, now, []), [command])


def _trigger(event: Event, rules: RuleSet) -> Trigger:
    """The event's trigger. Raises `Failed` for an unknown app, trigger or connection."""
    app = rules.apps.get(event.app)
    if app is None:
        raise Failed(f"there is no app {event.app!r} (type {event.type!r}): installed are {', '.join(rules.apps)}")
    trigger = app.triggers.get(event.trigger)
    if trigger is None:
        raise Failed(f"{app.name} has no trigger {event.trigger!r}: it has {', '.join(app.triggers)}")
    connection = rules.connections.get(event.connection)
    if connection is None:
        raise Failed(f"there is no connection {event.connection!r}: apply it, then redrive the event")
    if connection.app != event.app:
        raise Failed(f"connection {connection.id!r} is of {connection.app}, and {event.type!r} is not")
    return trigger
