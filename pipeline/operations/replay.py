"""Past events through again: first a plan, then copies on the same topics under one replay id.

A copy keeps the event's id, source and key and has `replay` set. Whatever is derived from an event is derived from
(event, link, replay), so a replay makes new commands, and the same replay run twice makes none. Commands of replays
are bulk ones: live commands go first. An object that is unchanged since makes no writing call.

Not replayed: hints (what was fetched after them is an event of its own), copies of earlier replays, repeated ids, and
events of objects whose versions tell no order (Togai's accounts) that a later event of the same object has outdated:
nothing but their place in the topic tells that they are older, and a copy of one would bring back what it was.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from pipeline.apps.base import App, Trigger
from pipeline.apps.incoming import complete
from pipeline.errors import ConfigurationError, Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.kafka.messages import headers_of
from pipeline.operations.delivery import Delivery
from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Lane
from pipeline.schemas.topics import Topics

Place = tuple[int, int]
"""Partition and offset in a topic."""

_SAMPLE = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events. `account` is a party or the object itself; `type` a whole event type (``togai.account.created``).

    `since` and `until` (exclusive) bound the time at which an event reached its topic.
    """

    account: str = ""
    connection: str = ""
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, event: Event) -> bool:
        if self.account and self.account not in (event.party, event.subject):
            return False
        if self.connection and event.connection != self.connection:
            return False
        return not self.type or event.type == self.type


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would put through. `ends` bounds it to what was there when it was planned, by topic.

    `left_out` counts what was passed over, by reason: ``hint``, ``replay``, ``repeated``, ``outdated``,
    ``unreadable``.
    """

    id: str
    selection: Selection
    ends: Mapping[str, Mapping[int, int]]
    counts: Mapping[str, int] = field(default_factory=dict)
    parties: int = 0
    sample: Sequence[Event] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    lane: Lane = Lane.REPLAY

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Replay:
    """Plans and runs replays over the events topics of all apps."""

    access: KafkaAccess
    apps: Mapping[str, App]
    topics: Topics
    codec: Codec

    def plan(self, selection: Selection, *, id: str = "", lane: Lane = Lane.REPLAY) -> ReplayPlan:
        """Reads, writes nothing. Give the `id` of a replay that broke off to go on with it without repeats."""
        if not any((selection.account, selection.since, selection.until)):
            raise ConfigurationError("say what to replay: --account ID, --since TIME or --until TIME")
        chosen = [selection.type.partition(".")[0]] if selection.type else list(self.apps)
        for app in chosen:
            if app not in self.apps:
                raise ConfigurationError(
                    f"no app {app!r} for type {selection.type!r}: there are {', '.join(self.apps)}"
                )
        ends = ends_of(self.access, [self.topics.events(app) for app in chosen])
        counts: Counter[str] = Counter()
        left_out: Counter[str] = Counter()
        parties: set[tuple[str, str]] = set()
        sample: list[Event] = []
        for event in self._events(selection, ends, left_out):
            counts[event.type] += 1
            parties.add((event.connection, event.party))
            if len(sample) < _SAMPLE:
                sample.append(event)
        return ReplayPlan(
            id=id or f"replay-{uuid.uuid4()}",
            selection=selection,
            ends=ends,
            counts=dict(sorted(counts.items())),
            parties=len(parties),
            sample=tuple(sample),
            left_out=dict(sorted(left_out.items())),
            lane=lane,
        )

    def run(self, plan: ReplayPlan, *, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Put the planned events through; gives how many. In source order within a party.

        Raises `KafkaUnavailable`; running the plan again is safe, what went through is recognised.
        """
        try:
            with Delivery(self.access) as delivery:
                for event in self._events(plan.selection, plan.ends, Counter()):
                    value = self.codec.encode(msgspec.structs.replace(event, replay=plan.id, lane=plan.lane))
                    headers = {"content-type": self.codec.event_content_type}
                    delivery.produce(self.topics.events(event.app), event.key, value, headers)
                    on_progress(delivery.count)
        except KafkaUnavailable as error:
            raise KafkaUnavailable(f"replay {plan.id} broke off ({error}); run it again with --id {plan.id}") from None
        return delivery.count

    def _events(
        self, selection: Selection, ends: Mapping[str, Mapping[int, int]], left_out: Counter[str]
    ) -> Iterator[Event]:
        """The selected events, each id once, in topic order, without those that a later one has outdated."""
        whatever = replace(selection, type="")
        for topic, bounds in ends.items():
            asked = Scan(topic, since=selection.since, until=selection.until, ends=bounds)
            newest = {
                self._object(event): place
                for place, event in self._read(whatever, replace(asked, until=None), Counter())
            }
            for place, event in self._read(selection, asked, left_out):
                unordered = not event.sourceversion or self._trigger(event).returns
                if unordered and newest[self._object(event)] != place:
                    left_out["outdated"] += 1
                else:
                    yield event

    def _read(self, selection: Selection, asked: Scan, left_out: Counter[str]) -> Iterator[tuple[Place, Event]]:
        """What is selected and no hint, copy or repeat, with its place."""
        seen: set[tuple[str, str]] = set()
        for message in scan(self.access, asked):
            try:
                event = self.codec.decode_event(message.value(), headers_of(message), message.key())
                event = complete(event, self.apps)
            except Undecodable:
                left_out["unreadable"] += 1
                continue
            if not selection.takes(event):
                continue
            reason = _why_not(event, seen)
            if reason:
                left_out[reason] += 1
                continue
            seen.add((event.source, event.id))
            yield (message.partition() or 0, message.offset() or 0), event

    def _object(self, event: Event) -> tuple[str, str, str]:
        """Events of one kind about one object, or of all kinds where no version tells which came first: the later one
        holds what is true now.
        """
        trigger = self._trigger(event)
        return event.connection, trigger.object if trigger.returns else event.type, event.subject

    def _trigger(self, event: Event) -> Trigger:
        return self.apps[event.app].triggers[event.trigger]


def _why_not(event: Event, seen: set[tuple[str, str]]) -> str:
    if event.hint:
        return "hint"
    if event.replay:
        return "replay"
    return "repeated" if (event.source, event.id) in seen else ""
