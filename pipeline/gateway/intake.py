"""From what a sender gave to a record on its app's topic: the one way in, for HTTP, hooks and `pipeline send`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pipeline.apps.base import App, Hook
from pipeline.apps.incoming import complete
from pipeline.errors import Undecodable
from pipeline.gateway.producer import Outgoing
from pipeline.gateway.signed import Delivery
from pipeline.schemas.codec import Codec, Headers
from pipeline.schemas.envelope import Event, derive_id
from pipeline.schemas.topics import Topics

_LARGEST_HINT = 500_000
"""Bytes: a topic takes twice as much by default."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One event of a batch that cannot be taken; `code` is stable (see `schemas.codec` and `apps.incoming`)."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Decodes, completes and addresses events. Pure but for a schema registry's look-up."""

    apps: Mapping[str, App]
    codec: Codec
    topics: Topics

    def event(self, value: bytes, headers: Headers | None = None) -> Event:
        """One event, completed. Raises `Undecodable`."""
        return complete(self._asked(self.codec.decode_event(value, headers)), self.apps)

    def _asked(self, event: Event) -> Event:
        """What a person asks for is asked anew each time, also with the same payload: it gets an id if it has none."""
        app = self.apps.get(event.app)
        trigger = app.triggers.get(event.trigger) if app else None
        if trigger is None or not trigger.asked:
            return event
        id_ = event.id or str(uuid.uuid4())
        return msgspec.structs.replace(event, id=id_, subject=event.subject or id_)

    def batch(self, body: bytes) -> tuple[list[Event], list[Rejected]]:
        """A JSON array of events: those that are good, and the others by index. Raises `Undecodable` for no array."""
        try:
            parts = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (ValueError, RecursionError) as error:
            raise Undecodable("not_json", f"a batch is a JSON array of events: {error}") from error
        events: list[Event] = []
        rejected: list[Rejected] = []
        for index, part in enumerate(parts):
            try:
                events.append(self.event(bytes(part)))
            except Undecodable as error:
                rejected.append(Rejected(index, error.code, str(error)))
        return events, rejected

    def hinted(self, app: App, connection: str, hooks: Sequence[Hook], delivery: Delivery | None = None) -> list[Event]:
        """The events of a webhook: hints, because a body may be forged or, where it is signed, old.

        A delivery that its sender named is the same event each time, and so is one that was signed over a version of
        the object. Any other is an event of its own: the same body may come again after the object has changed. What
        is fetched because of it has an id by its version, so a repeated delivery decides nothing twice; an object
        without a version is decided again, and planned to be unchanged.
        """
        return [
            self._hint(
                Event(
                    id=_hint_id(connection, hook, index, delivery),
                    type=f"{app.name}.{hook.trigger}",
                    source=f"{app.name}/{connection}",
                    connection=connection,
                    subject=hook.subject,
                    data=hook.data,
                    sourceversion=hook.sourceversion,
                    hint=True,
                )
            )
            for index, hook in enumerate(hooks)
        ]

    def _hint(self, event: Event) -> Event:
        """Completed; without the data where a topic would not take it, because the object is fetched anyway."""
        event = complete(event, self.apps)
        small = len(self.codec.encode(event)) <= _LARGEST_HINT
        return event if small else msgspec.structs.replace(event, data=None)

    def record(self, event: Event) -> Outgoing:
        """Where a completed event goes: the key keeps the order of its party."""
        return Outgoing(
            self.topics.events(event.app),
            event.key,
            self.codec.encode(event),
            (("content-type", self.codec.event_content_type),),
        )


def _hint_id(connection: str, hook: Hook, index: int, delivery: Delivery | None) -> str:
    if delivery is None or not (delivery.named or hook.sourceversion):
        return str(uuid.uuid4())
    return derive_id("hook", connection, delivery.id.replace("\n", " "), str(index))
