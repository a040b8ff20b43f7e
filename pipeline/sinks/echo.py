"""Our own writes coming back: an event that tells of the very version that a write of ours gave its object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pipeline.apps.base import App, Applied
from pipeline.schemas.records import ObjectRef
from pipeline.sinks.mappings import MappingTable


def echo_of(  # noqa: PLR0917
    trigger: str, subject: str, version: str, app: App, mappings: MappingTable, scopes: Collection[str]
) -> str:
    """Of `scopes`, the pair of connections whose write gave the object this version; "" where none did."""
    known = app.triggers.get(trigger)
    if known is None or not version:
        return ""
    ref = ObjectRef(app=app.name, type=known.object, id=subject)
    for scope in scopes:
        found = mappings.get(scope, ref)
        if found is not None and found.ours and found.version == version:
            return scope
    return ""


def unclaimed(done: Applied, scope: str, mappings: MappingTable) -> Applied:
    """What an action that wrote nothing achieved, without the version that it found: that one is somebody else's.

    A person may have given it to the object, and the event that tells of it would else end as an echo.
    """
    if done.pair is None or done.operation != "unchanged":
        return done
    before = mappings.get(scope, done.pair.destination)
    theirs = before.version if before is not None and before.ours else ""
    return replace(done, pair=replace(done.pair, theirs=theirs))
