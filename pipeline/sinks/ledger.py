"""Rows of the ledger: where an open command stands."""

from __future__ import annotations

from pipeline.sinks.entry import Entry
from pipeline.sinks.shared import Shared
from pipeline.sinks.tick import Tick


def store(entry: Entry, tick: Tick, index: int, shared: Shared) -> None:
    """Write down how `entry` stands, with its whole body: its offset moves on in the same transaction."""
    entry.stored = True
    tick.say(index, shared.topics.ledger, entry.key, shared.codec.encode(entry.row()), index)


def erase(entry: Entry, tick: Tick, index: int, shared: Shared) -> None:
    """It is open no more, and has its result already."""
    tick.say(index, shared.topics.ledger, entry.key, None, index)
