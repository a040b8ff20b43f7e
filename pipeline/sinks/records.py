"""The records that end a command: its result, its mapping rows, the run's next step, its dead letter."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.apps.base import Applied, Found, Pair
from pipeline.clock import utc
from pipeline.schemas.envelope import Event, event_id
from pipeline.schemas.records import (
    REDRIVE,
    Cause,
    Command,
    DeadLetter,
    Lane,
    Mapping,
    ObjectRef,
    Result,
    Run,
    Status,
    Step,
)
from pipeline.sinks.entry import Entry

GOES_ON = frozenset({Status.SUCCEEDED, Status.UNCHANGED, Status.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended, before it is written down."""

    status: Status
    operation: str = ""
    object: ObjectRef | None = None
    output: MappingType[str, Any] = field(default_factory=dict)
    cause: Cause | None = None
    warnings: tuple[str, ...] = ()
    settled: str = "none"
    pair: Pair | None = None
    data: Any = None
    sourceversion: str = ""
    also: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    echo: str = ""


def applied(done: Applied, *, doubted: bool, echo: str = "") -> Ending:
    """A call that was carried out; `doubted` when an earlier attempt's answer had been lost.

    `echo`: what was fetched is a write of ours, in this pair of connections.
    """
    return Ending(
        status=Status.UNCHANGED if done.operation == "unchanged" else Status.SUCCEEDED,
        operation=done.operation,
        object=done.object,
        output=done.output,
        warnings=tuple(done.warnings),
        settled=done.settled or ("repeat" if doubted else "answer"),
        pair=done.pair,
        data=done.data,
        sourceversion=done.sourceversion,
        also=tuple(done.also),
        found=tuple(done.found),
        echo=echo,
    )


def refused(kind: str, code: str, message: str) -> Ending:
    return Ending(status=Status.REFUSED, cause=Cause(kind=kind, code=code, message=message))


def result(entry: Entry, ending: Ending, now: float) -> Result:
    command, run = entry.command, entry.command.run
    return Result(
        command=command.id,
        run=run.id,
        link=run.link,
        flow=run.flow,
        step=command.step,
        event_id=run.event_id,
        event_type=run.event_type,
        subject=run.subject,
        connection=command.connection,
        app=command.app,
        action=command.action,
        party=command.party,
        status=ending.status,
        operation=ending.operation,
        object=ending.object,
        output={} if command.emit else dict(ending.output),
        cause=ending.cause,
        warnings=list(ending.warnings),
        attempts=entry.attempts,
        calls=entry.calls,
        settled=ending.settled,
        lane=command.lane,
        replay=run.replay,
        redrive=entry.redrive,
        traceparent=run.traceparent,
        started=utc(entry.started or now),
        ended=utc(now),
    )


def mapping_rows(command: Command, pair: Pair, now: float) -> tuple[Mapping, Mapping]:
    """The row of the pair's source and the row of its destination."""

    def row(other: ObjectRef, version: str, *, ours: bool) -> Mapping:
        return Mapping(
            other=other,
            hash=pair.hash,
            version=version,
            ours=ours,
            command=command.id,
            link=command.run.link,
            time=utc(now),
        )

    return row(pair.destination, pair.version, ours=False), row(pair.source, pair.theirs, ours=True)


def next_step(command: Command, ending: Ending) -> Step:
    """The run goes on with this step's output added."""
    run: Run = msgspec.structs.replace(command.run, outputs={**command.run.outputs, command.step: dict(ending.output)})
    return Step(id=command.id, run=run, step=command.step, index=command.index, lane=command.lane)


def fetched(  # noqa: PLR0917
    command: Command, ending: Ending, trigger: str, party: str, echo: str, occurrence: str = ""
) -> Event:
    """The event a fetch was for: its data is the object as the app gave it. `party` is "" where it cannot be told.

    A version fetched twice is one event, and so is one `occurrence` of a version that may come back. Without a version
    each fetch is one of its own.
    """
    emit = command.emit
    assert emit is not None
    run = command.run
    type_ = f"{command.app}.{trigger}"
    version = f"{ending.sourceversion}{occurrence}" or command.id
    return Event(
        id=event_id(emit.source_connection, type_, run.subject, version, ending.data),
        source=f"{command.app}/{emit.source_connection}",
        type=type_,
        subject=run.subject,
        data=ending.data,
        connection=emit.source_connection,
        party=party or run.party,
        sourceversion=ending.sourceversion,
        replay=run.replay,
        lane=command.lane if command.lane is not Lane.LIVE else None,
        echo=echo,
        traceparent=run.traceparent,
    )


def dead_letter(entry: Entry, cause: Cause, partition: int, value: bytes, now: float) -> DeadLetter:
    """A refused command, complete: producing `value` under `key` to `topic` again is the way back."""
    return DeadLetter(
        topic=entry.topic,
        partition=partition,
        offset=entry.offset,
        key=entry.command.connection.encode(),
        value=value,
        headers=[(REDRIVE, str(entry.redrive).encode())] if entry.redrive else [],
        cause=cause,
        attempts=entry.attempts,
        command=entry.command.id,
        stage="sink",
        seen=utc(now),
    )
