"""Whether what was read may be a write of ours that we do not know of yet.

A write shows at the app before its answer is here, and for as long as it is in doubt. What a poll or a fetch reads in
the meantime looks like a change of somebody else: taken for one, it would be carried back to where it came from, and a
new object would get a second counterpart. So it waits for those writes that were open when it was read, and no others.

What one of them has written by then is ours in every version that was read before: a call that is repeated gives the
object a newer one than the first time, and whatever else had changed it, we wrote last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.apps.base import App, Call, Mapped
from pipeline.schemas.records import LedgerState, ObjectRef
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.state import OwnerState


@dataclass(slots=True)
class Reading:
    """An object as it was read: by whom it may have been written just then, and how it was mapped.

    `writes` are ids of commands; those that have ended are taken out.
    """

    ref: ObjectRef | None = None
    writes: set[str] = field(default_factory=set)
    mapped: Mapping[str, Mapped | None] = field(default_factory=dict)
    """By pair of connections (`records.mapping_scope`)."""


class Unsettled:
    """The open writes of one owner."""

    def __init__(self, known: Mapping[str, Entry], app: App, state: OwnerState, mappings: MappingTable) -> None:
        self._known = known
        self._app = app
        self._state = state
        self._mappings = mappings

    def read(self, trigger: str, subject: str) -> Reading:
        """The object of an event, which was read just now."""
        known, scopes = self._app.triggers.get(trigger), self._state.wanted.scopes
        if known is None or not scopes:
            return Reading()
        ref = ObjectRef(app=self._app.name, type=known.object, id=subject)
        mapped = {scope: self._mappings.get(scope, ref) for scope in scopes}
        writes = {
            id_
            for id_, entry in self._known.items()
            if entry.command.scope in mapped
            and self._open(entry)
            and self._may_write(entry.call, entry.command.scope, mapped[entry.command.scope])
        }
        return Reading(ref, writes, mapped if writes else {})

    def settled(self, reading: Reading) -> bool:
        """Whether all that may have written it has ended."""
        reading.writes = {
            id_ for id_ in reading.writes if (entry := self._known.get(id_)) is not None and self._open(entry)
        }
        return not reading.writes

    def echo(self, reading: Reading) -> str:
        """The pair of connections whose write it was, "" where none of those that it waited for was."""
        for scope, before in reading.mapped.items():
            now = self._mappings.get(scope, reading.ref) if reading.ref is not None else None
            if now is not None and now.ours and now != before:
                return scope
        return ""

    def _open(self, entry: Entry) -> bool:
        """Whether a call of it is under way, or was made and nobody knows what came of it."""
        action = self._app.actions.get(entry.command.action)
        if action is None or action.repeat == "read" or entry.state is LedgerState.ASIDE:
            return False
        return entry.doubted or entry.state in (LedgerState.INTENT, LedgerState.DOUBT)

    def _may_write(self, call: Call | None, scope: str, mapped: Mapped | None) -> bool:
        """Whether it may write an object that is mapped so.

        One that a predecessor left has no plan yet: it may write any. What names no source gives no object a
        counterpart, and no version that an echo is known by.
        """
        if call is None:
            return True
        if call.source is None:
            return False
        return call.source == mapped.other if mapped is not None else self._mappings.get(scope, call.source) is None
