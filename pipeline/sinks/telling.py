"""Objects that were found, by a poll or by an action that lists them, as events."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from pipeline.apps.base import App, Found
from pipeline.schemas.envelope import Event, derive_id, event_id
from pipeline.schemas.records import Lane
from pipeline.sinks.echo import echo_of
from pipeline.sinks.mappings import MappingTable


def told(  # noqa: PLR0917
    found: Found, app: App, connection: str, mappings: MappingTable, scopes: Collection[str], replay: str = ""
) -> Event:
    """The event of one object. Within a `replay` it is decided once more, whatever was decided before, and not live."""
    type_ = f"{app.name}.{found.trigger}"
    version = f"{found.sourceversion}{found.occurrence}"
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
        echo="" if replay else echo_of(found.trigger, found.subject, found.sourceversion, app, mappings, scopes),
    )


def as_hint(event: Event) -> Event:
    """One that is too large to travel: whoever looks at it has the object fetched, and says so."""
    return msgspec.structs.replace(event, id=derive_id("hint", event.id), data=None, hint=True, echo="")
