"""The end of a command, written into a tick: its one result, and all that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import structlog

from pipeline.apps.base import Found
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command
from pipeline.sinks import records
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import keys as mapping_keys
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.telling import Teller, as_hint
from pipeline.sinks.tick import Out, Tick

log = structlog.get_logger(__name__)

LARGEST = 900_000
"""Bytes of a result, step or event: below what clients and brokers take by default. A larger one would never commit."""


class TooLarge(Exception):
    """A record of an ending is larger than the topics take."""


def write_ending(  # noqa: PLR0917
    entry: Entry,
    ending: Ending,
    tick: Tick,
    index: int,
    shared: Shared,
    teller: Teller | None = None,
) -> None:
    """Result, ledger tombstone, both mapping rows, the run's next step or the fetched event, the dead letter.

    Where what an action gave cannot be written down, the command is refused: nothing may stop the others. Without a
    `teller` nothing was fetched or found.
    """
    try:
        outs = list(_outs(entry, ending, tick.now, index, shared, teller))
    except TooLarge as error:
        ending = records.refused("too_large", "record", str(error))
        outs = list(_outs(entry, ending, tick.now, index, shared, teller))
    except Exception as error:
        log.exception("what an action gave cannot be written down", command=entry.command.id)
        ending = records.refused("defect", "internal", f"{type(error).__name__} while its result was written")
        outs = list(_outs(entry, ending, tick.now, index, shared, teller))
    for out in outs:
        tick.say(out.index, out.topic, out.key, out.value, out.partition)
    if ending.pair is not None:
        tick.map(index, shared.mappings, entry.command.scope, ending.pair)
        tick.mapped.update(mapping_keys(entry.command.scope, ending.pair))
    tick.ended += 1


def events(command: Command, found: Iterable[Found], shared: Shared, teller: Teller) -> Iterator[Event]:
    """What a command found, as events that are decided once a command, whatever was decided before.

    One that no topic would take goes as a hint: fetching it is refused, with a result that says why.
    """
    for each in found:
        event = teller.found(each, command.id, replay=command.id)
        yield event if len(shared.codec.encode(event)) <= LARGEST else as_hint(event)


def _outs(  # noqa: PLR0917
    entry: Entry, ending: Ending, now: float, index: int, shared: Shared, teller: Teller | None
) -> Iterator[Out]:
    command, topics, encode = entry.command, shared.topics, shared.codec.encode

    def out(topic: str, key: bytes, record: msgspec.Struct) -> Out:
        value = encode(record)
        if len(value) > LARGEST and ending.cause is None:
            raise TooLarge(f"a record for {topic} of {len(value)} bytes; {LARGEST} is the most")
        return Out(index, topic, key, value)

    yield out(topics.results, command.party.encode(), records.result(entry, ending, now))
    if entry.stored:
        yield Out(index, topics.ledger, entry.key, None, index)
    if ending.pair is not None:
        rows = records.mapping_rows(command, ending.pair, now)
        for mapped, row in zip(mapping_keys(command.scope, ending.pair), rows, strict=True):
            yield out(topics.mappings, mapped.encode(), row)
    if ending.status in records.GOES_ON:
        for event in events(command, ending.found, shared, teller) if teller else ():
            yield out(topics.events(command.app), event.key, event)
        if command.emit is not None and teller is not None:
            for trigger in dict.fromkeys((command.emit.type.partition(".")[2], *ending.also)):
                event = teller.fetched(command, ending, trigger)
                yield out(topics.events(command.app), event.key, event)
        if command.emit is None and not command.last:
            key = f"{command.run.source_connection}/{command.run.party}".encode()
            yield out(topics.steps, key, records.next_step(command, ending))
    if ending.cause is not None:
        letter = records.dead_letter(entry, ending.cause, index, encode(command), now)
        yield out(topics.dead_letters, command.connection.encode(), letter)
