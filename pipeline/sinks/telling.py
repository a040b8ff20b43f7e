"""Objects as events: those that a fetch gave, and those that a poll or a listing action found."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pipeline.apps.base import App, Found
from pipeline.schemas.envelope import Event, derive_id, event_id
from pipeline.schemas.records import Command, Lane
from pipeline.sinks import records
from pipeline.sinks.echo import echo_of
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.state import OwnerState

REMEMBERED = 10_000
"""Objects whose last version is remembered, of those whose versions may come back."""


class Teller:
    """Of one owner, whose polls and fetches tell of the same objects.

    A version that is told twice is one event. Of objects whose versions may come back (`Trigger.returns`) that holds as
    long as nothing else was told between: an object that was changed and changed back would else look like a repeat.
    """

    def __init__(self, app: App, state: OwnerState, shared: Shared) -> None:
        self._app = app
        self._state = state
        self._shared = shared
        self._last: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    def found(self, found: Found, occasion: str, replay: str = "") -> Event:
        """`occasion` is this time of telling. Within a `replay` it is decided once more, whatever was decided before,
        and not live.
        """
        app, connection, type_ = self._app, self._state.id, f"{self._app.name}.{found.trigger}"
        version = found.sourceversion
        if not replay:
            version += self._occurrence(found.trigger, found.subject, version, occasion)
        return Event(
            id=event_id(connection, type_, found.subject, version, found.data),
            source=f"{app.name}/{connection}",
            type=type_,
            subject=found.subject,
            data=found.data,
            connection=connection,
            party=app.party(found.trigger, found.data) or found.subject,
            hint=found.hint,
            sourceversion=found.sourceversion,
            replay=replay,
            lane=Lane.RECONCILE if replay else None,
            echo="" if replay else self._echo(found.trigger, found.subject, found.sourceversion),
        )

    def fetched(self, command: Command, ending: Ending, trigger: str) -> Event:
        """The event that a fetch was for, or another one that the object's state speaks of."""
        subject, version = command.run.subject, ending.sourceversion
        occurrence = self._occurrence(trigger, subject, version, command.id)
        party = self._app.party(trigger, ending.data)
        echo = ending.echo or self._echo(trigger, subject, version)
        return records.fetched(command, ending, trigger, party, echo, occurrence)

    def _echo(self, trigger: str, subject: str, version: str) -> str:
        return echo_of(trigger, subject, version, self._app, self._shared.mappings, self._state.wanted.scopes)

    def _occurrence(self, trigger: str, subject: str, version: str, occasion: str) -> str:
        """What tells this time that the object is at `version` from other times; "" where versions never come back."""
        known = self._app.triggers.get(trigger)
        if known is None or not known.returns or not version:
            return ""
        key = (trigger, subject)
        last = self._last.pop(key, ("", ""))
        self._last[key] = last if last[0] == version else (version, f"@{occasion}")
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return self._last[key][1]


def as_hint(event: Event) -> Event:
    """One that is too large to travel: whoever looks at it has the object fetched, and says so."""
    return msgspec.structs.replace(event, id=derive_id("hint", event.id), data=None, hint=True, echo="")
