"""What of a party may go on: its head; where that is parked, the command that makes what it waits for; else nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from pipeline.schemas.records import Command, Lane, LedgerState
from pipeline.sinks.entry import Entry
from pipeline.sinks.parties import Parties

UNDER_WAY = frozenset({LedgerState.INTENT, LedgerState.WAITING, LedgerState.DOUBT, LedgerState.ASIDE})
"""It was called, or may have been: nothing else of its party may go on."""


class Order:
    """`mapped` tells whether a mapping key has its counterpart; `makes` which key a command would give one, or ""."""

    def __init__(self, mapped: Callable[[str], bool], makes: Callable[[Command], str]) -> None:
        self.parties = Parties()
        self.aside: dict[str, Entry] = {}
        """By party, the refused command that it waits behind."""
        self._mapped = mapped
        self._makes = makes
        self._parked: dict[str, list[Entry]] = {}
        self._passing: dict[str, Entry] = {}
        """By party, the one command that may pass its parked head."""

    def add(self, entry: Entry) -> None:
        if self.parties.add(entry):
            self.parties.make_ready(entry)
        else:
            self._let_pass(entry.command.party, [entry])
        if self._parked and not entry.lane.urgent and self._is_waited_for(self._makes(entry.command)):
            self.parties.lift(entry, Lane.DEPENDENCY)

    def restore(self, entry: Entry) -> bool:
        """Queue what a predecessor left, in its order; True when it is the head of its party."""
        head = self.parties.add(entry)
        party = entry.command.party
        if not head and entry.state in UNDER_WAY:
            self._passing[party] = entry
        if entry.state is LedgerState.ASIDE:
            self.aside[party] = entry
        return head

    def park(self, entry: Entry, key: str) -> None:
        """Until `key` is mapped. What makes it is served before its time."""
        self.parties.hold(entry)
        entry.state, entry.waits_for = LedgerState.PARKED, key
        self._parked.setdefault(key, []).append(entry)
        if entry.lane.urgent:
            for other in self.parties.less_urgent():
                if self._makes(other.command) == key:
                    self.parties.lift(other, Lane.DEPENDENCY)
        self.go_on(entry)

    def release(self, key: str) -> None:
        """A mapping has landed: what waited for it may go on."""
        for entry in self._parked.pop(key, ()):
            if not entry.ended:
                entry.waits_for = entry.reason = ""
                entry.state, entry.due = LedgerState.QUEUED, 0.0
                self.go_on(entry)

    def is_made(self, entry: Entry) -> bool:
        """Whether something queued behind a parked `entry` makes what it waits for."""
        queue = self.parties.queue(entry.command.party)
        return any(self._makes(each.command) == entry.waits_for for each in queue if each is not entry)

    def release_mapped(self) -> None:
        """As `release`, for every key that is mapped by now."""
        for key in [key for key in self._parked if self._mapped(key)]:
            self.release(key)

    def set_aside(self, entry: Entry) -> None:
        """Its party waits until a person decides."""
        self.parties.hold(entry)
        entry.state = LedgerState.ASIDE
        self.aside[entry.command.party] = entry

    def retry(self, entry: Entry) -> None:
        """`entry`, which held its party up, may be tried (again)."""
        self.aside.pop(entry.command.party, None)
        entry.state, entry.due = LedgerState.QUEUED, 0.0
        self.parties.make_ready(entry)

    def remove(self, entry: Entry) -> None:
        """It has ended; the next of its party may go on."""
        party = entry.command.party
        entry.ended = True
        if self.aside.get(party) is entry:
            del self.aside[party]
        if entry.state is LedgerState.PARKED:
            self._parked[entry.waits_for].remove(entry)
        self.parties.remove(entry)
        self.go_on(entry)

    def go_on(self, entry: Entry) -> None:
        """`entry` is not open to a call: what of its party may go on now?"""
        party = entry.command.party
        if self._passing.get(party) is entry:
            del self._passing[party]
        head = self.parties.head(party)
        if head is None or party in self._passing:
            return
        if head.state is LedgerState.PARKED and self._mapped(head.waits_for):
            self.release(head.waits_for)
        elif head.state is LedgerState.PARKED:
            self._let_pass(party, itertools.islice(self.parties.queue(party), 1, None))
        elif head.state is LedgerState.QUEUED:
            self.parties.make_ready(head)

    def _let_pass(self, party: str, candidates: Iterable[Entry]) -> None:
        """Let a queued command pass a parked head when it makes what the head waits for: else neither ends.

        Where the head may be passed, so may all that comes behind it and may be passed as well.
        """
        head = self.parties.head(party)
        if head is None or head.state is not LedgerState.PARKED or party in self._passing:
            return
        waited_for, open_way = {head.waits_for}, head.passable
        for entry in self.parties.queue(party) if open_way else candidates:
            if entry.state is LedgerState.PARKED:
                waited_for.add(entry.waits_for)
                open_way = open_way and entry.passable
            elif entry.state is LedgerState.QUEUED and (open_way or self._makes(entry.command) in waited_for):
                self._passing[party] = entry
                self.parties.make_ready(entry)
                return

    def _is_waited_for(self, key: str) -> bool:
        return any(entry.lane.urgent and not entry.ended for entry in self._parked.get(key, ()))
