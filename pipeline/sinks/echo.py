"""Our own writes coming back: an event that tells of the very version that a write of ours gave its object."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.apps.base import App
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
