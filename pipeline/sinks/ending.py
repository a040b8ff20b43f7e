"""The end of a command, written into a tick: its one result, and all that follows from it."""

from __future__ import annotations

from pipeline.apps.base import App
from pipeline.sinks import records
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import keys as mapping_keys
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.tick import Tick


def write_ending(entry: Entry, ending: Ending, tick: Tick, index: int, app: App, shared: Shared) -> None:  # noqa: PLR0917
    """Result, ledger tombstone, both mapping rows, the run's next step or the fetched event, the dead letter."""
    command, topics, encode = entry.command, shared.topics, shared.codec.encode
    tick.say(index, topics.results, command.party.encode(), encode(records.result(entry, ending, tick.now)))
    if entry.stored:
        tick.say(index, topics.ledger, entry.key, None, index)
    if ending.pair is not None:
        tick.map(index, shared.mappings, command.scope, ending.pair)
        rows = records.mapping_rows(command, ending.pair, tick.now)
        for mapped, row in zip(mapping_keys(command.scope, ending.pair), rows, strict=True):
            tick.say(index, topics.mappings, mapped.encode(), encode(row))
            tick.mapped.add(mapped)
    if ending.status in records.GOES_ON:
        if command.emit is not None:
            party = app.party(command.emit.type.partition(".")[2], ending.data)
            event = records.fetched(command, ending, party)
            tick.say(index, topics.events(command.app), event.key, encode(event))
        elif not command.last:
            key = f"{command.run.source_connection}/{command.run.party}".encode()
            tick.say(index, topics.steps, key, encode(records.next_step(command, ending)))
    if ending.cause is not None:
        letter = records.dead_letter(entry, ending.cause, index, encode(command), tick.now)
        tick.say(index, topics.dead_letters, command.connection.encode(), encode(letter))
