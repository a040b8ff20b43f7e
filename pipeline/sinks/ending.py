"""The end of a command, written into a tick: its one result, and all that follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
import structlog

from pipeline.apps.base import App
from pipeline.sinks import records
from pipeline.sinks.echo import echo_of
from pipeline.sinks.entry import Entry
from pipeline.sinks.mappings import keys as mapping_keys
from pipeline.sinks.records import Ending
from pipeline.sinks.shared import Shared
from pipeline.sinks.tick import Out, Tick

log = structlog.get_logger(__name__)

LARGEST = 900_000
"""Bytes of a result, step or event: below what clients and brokers take by default. A larger one would never commit."""


class TooLarge(Exception):
    """A record of an ending is larger than the topics take."""


def write_ending(
    entry: Entry,
    ending: Ending,
    tick: Tick,
    index: int,
    shared: Shared,
    *,
    app: App | None = None,
    scopes: Collection[str] = (),
) -> None:
    """Result, ledger tombstone, both mapping rows, the run's next step or the fetched event, the dead letter.

    Where what an action gave cannot be written down, the command is refused: nothing may stop the others.
    """
    try:
        outs = list(_outs(entry, ending, tick.now, index, shared, app, scopes))
    except TooLarge as error:
        ending = records.refused("too_large", "record", str(error))
        outs = list(_outs(entry, ending, tick.now, index, shared, app, scopes))
    except Exception as error:
        log.exception("what an action gave cannot be written down", command=entry.command.id)
        ending = records.refused("defect", "internal", f"{type(error).__name__} while its result was written")
        outs = list(_outs(entry, ending, tick.now, index, shared, app, scopes))
    for out in outs:
        tick.say(out.index, out.topic, out.key, out.value, out.partition)
    if ending.pair is not None:
        tick.map(index, shared.mappings, entry.command.scope, ending.pair)
        tick.mapped.update(mapping_keys(entry.command.scope, ending.pair))
    tick.ended += 1


def _outs(  # noqa: PLR0917
    entry: Entry, ending: Ending, now: float, index: int, shared: Shared, app: App | None, scopes: Collection[str]
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
        if command.emit is not None:
            trigger = command.emit.type.partition(".")[2]
            party = app.party(trigger, ending.data) if app else ""
            echo = (
                echo_of(trigger, command.run.subject, ending.sourceversion, app, shared.mappings, scopes) if app else ""
            )
            event = records.fetched(command, ending, party, echo)
            yield out(topics.events(command.app), event.key, event)
        elif not command.last:
            key = f"{command.run.source_connection}/{command.run.party}".encode()
            yield out(topics.steps, key, records.next_step(command, ending))
    if ending.cause is not None:
        letter = records.dead_letter(entry, ending.cause, index, encode(command), now)
        yield out(topics.dead_letters, command.connection.encode(), letter)
