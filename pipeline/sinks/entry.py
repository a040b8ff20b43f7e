"""An open command as its owner holds it: taken from a topic, not yet ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.apps.base import Call
from pipeline.clock import utc
from pipeline.schemas.records import Cause, Command, Lane, LedgerRow, LedgerState


@dataclass(slots=True, eq=False)
class Entry:
    """Mutable, owned by the Kafka thread alone. Times are POSIX seconds.

    `taken` orders the commands of a party; `stored` tells that the ledger holds a row; `lane` is its command's, or a
    more urgent one that it was lifted to; `ready_in` is the lane in which it may start now, if it may. `stamp` and
    `reserved` are the calls reserved for the attempt under way; `doubted` that an earlier attempt's answer was lost;
    `cause` is why it was set aside; `passable` that the others of its party need not wait behind it while it is parked.
    """

    command: Command
    topic: str
    offset: int
    taken: float
    state: LedgerState = LedgerState.QUEUED
    stored: bool = False
    ready_in: Lane | None = None
    ended: bool = False
    started: float = 0.0
    due: float = 0.0
    waits_for: str = ""
    reason: str = ""
    attempts: int = 0
    calls: int = 0
    doubted: bool = False
    redrive: int = 0
    call: Call | None = None
    stamp: float = 0.0
    reserved: int = 0
    cause: Cause | None = None
    passable: bool = False
    lane: Lane = field(init=False)

    def __post_init__(self) -> None:
        self.lane = lane_of(self.command.lane, self.redrive)

    @property
    def key(self) -> bytes:
        """Of its ledger row."""
        return ledger_key(self.command)

    def row(self) -> LedgerRow:
        return LedgerRow(
            state=self.state,
            command=self.command,
            topic=self.topic,
            offset=self.offset,
            due=utc(self.due) if self.due else None,
            since=utc(self.taken),
            waits_for=self.waits_for,
            reason=self.reason,
            attempts=self.attempts,
            calls=self.calls,
            doubted=self.doubted,
            redrive=self.redrive,
            cause=self.cause,
        )


def lane_of(lane: Lane, redrive: int) -> Lane:
    """Of a command of `lane` that was sent again `redrive` times."""
    return Lane.REDRIVE if redrive and lane.urgent else lane


def ledger_key(command: Command) -> bytes:
    return f"{command.connection}/{command.id}".encode()


def restored(row: LedgerRow, now: float) -> Entry:
    """The entry a predecessor left. An intent may have been called: it is in doubt from now on."""
    return Entry(
        command=row.command,
        topic=row.topic,
        offset=row.offset,
        taken=row.since.timestamp() if row.since else now,
        state=row.state,
        stored=True,
        due=row.due.timestamp() if row.due else 0.0,
        waits_for=row.waits_for,
        reason=row.reason,
        attempts=row.attempts,
        calls=row.calls,
        doubted=row.doubted,
        redrive=row.redrive,
        cause=row.cause,
    )
