"""A message of a command topic on its way in: a command, or a dead letter."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog
from confluent_kafka import Message

from pipeline.errors import Retry, Undecodable
from pipeline.kafka.messages import readable_headers_of
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Cause, Command, DeadLetter, Lane, redrive_rounds
from pipeline.sinks.entry import lane_of
from pipeline.sinks.verbs import VERBS

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 1.0


class _Glance(msgspec.Struct):
    """What a look at a command tells of the place where it has to stand."""

    lane: Lane = Lane.LIVE
    action: str = ""


@dataclass(slots=True, eq=False)
class Arrival:
    """Decoded when it is its turn. Then it has a `command`, or a `letter` with all that a dead letter needs."""

    message: Message
    topic: str
    partition: int
    offset: int
    command: Command | None = None
    letter: DeadLetter | None = None
    _not_before: float = 0.0

    @property
    def redrive(self) -> int:
        return redrive_rounds(readable_headers_of(self.message))

    @property
    def key(self) -> str:
        """The connection that it is for."""
        return (self.message.key() or b"").decode(errors="replace")

    def lane(self, codec: Codec) -> Lane | None:
        """Where it has to wait; None for what waits for nobody: what is undecodable, and an operator's verbs.

        The same for one message, however often it is read. Raises `Retry` while the schema registry cannot be asked.
        """
        value = self.message.value() or b""
        seen: _Glance | Command
        try:
            seen = codec.decode(_Glance, value) if value[:1] == b"{" else codec.decode(Command, value)
        except Undecodable:
            return None
        return None if seen.action in VERBS else lane_of(seen.lane, self.redrive)

    def decode(self, codec: Codec, now: float) -> bool:
        """False while the schema registry cannot be asked. What cannot be decoded stops nothing."""
        if self.command is not None or self.letter is not None:
            return True
        if now < self._not_before:
            return False
        try:
            self.command = codec.decode(Command, self.message.value() or b"")
        except Undecodable as error:
            self.letter = DeadLetter(
                topic=self.topic,
                partition=self.partition,
                offset=self.offset,
                key=self.message.key(),
                value=self.message.value(),
                headers=readable_headers_of(self.message),
                cause=Cause(kind="undecodable", code=error.code, message=str(error)),
                stage="sink",
            )
        except Retry as error:
            log.warning("a command waits for the schema registry", topic=self.topic, reason=str(error))
            self._not_before = now + ASK_AGAIN_SECONDS
            return False
        return True
