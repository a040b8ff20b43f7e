"""Whether what was read may be a write of ours that we do not know of yet.

A write shows at the app before its answer is here, and for as long as it is in doubt. What a poll or a fetch reads in
the meantime looks like a change of somebody else: taken for one, it would be carried back to where it came from, and a
new object would get a second counterpart. So it waits for those writes that were open when it was read, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.apps.base import App, Call
from pipeline.schemas.records import LedgerState, ObjectRef
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.state import OwnerState


class Unsettled:
    """The open writes of one owner, by command id."""

    def __init__(self, known: Mapping[str, Entry], app: App, state: OwnerState, mappings: MappingTable) -> None:
        self._known = known
        self._app = app
        self._state = state
        self._mappings = mappings

    def writes(self, trigger: str, subject: str) -> set[str]:
        """Those that may have made the object, or given it its state. None where nothing is written back."""
        known, scopes = self._app.triggers.get(trigger), self._state.wanted.scopes
        if known is None or not scopes:
            return set()
        ref = ObjectRef(app=self._app.name, type=known.object, id=subject)
        others = {scope: found.other if (found := self._mappings.get(scope, ref)) else None for scope in scopes}
        return {
            id_
            for id_, entry in self._known.items()
            if entry.command.scope in others
            and self._open(entry)
            and self._may_write(entry.call, entry.command.scope, others[entry.command.scope])
        }

    def still(self, ids: set[str]) -> set[str]:
        """Those of them that have not ended."""
        return {id_ for id_ in ids if (entry := self._known.get(id_)) is not None and self._open(entry)}

    def _open(self, entry: Entry) -> bool:
        """Whether a call of it is under way, or was made and nobody knows what came of it."""
        action = self._app.actions.get(entry.command.action)
        if action is None or action.repeat == "read" or entry.state is LedgerState.ASIDE:
            return False
        return entry.doubted or entry.state in (LedgerState.INTENT, LedgerState.DOUBT)

    def _may_write(self, call: Call | None, scope: str, other: ObjectRef | None) -> bool:
        """Whether it may write the object whose counterpart is `other`, None for one that has none.

        One that a predecessor left has no plan yet: it may write any. What names no source gives no object a
        counterpart, and no version that an echo is known by.
        """
        if call is None:
            return True
        if call.source is None:
            return False
        return call.source == other if other is not None else self._mappings.get(scope, call.source) is None
