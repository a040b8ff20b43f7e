"""What cannot be decided becomes a dead letter: complete, so that it can be looked at and sent again.

An incident never stops its partition and never leaves an agent's body as an exception.
"""

from __future__ import annotations

from datetime import datetime

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from pipeline.clock import utc
from pipeline.errors import PipelineError, Undecodable
from pipeline.kafka.messages import readable_headers_of
from pipeline.schemas.records import Cause, DeadLetter

INTERNAL = "internal"
UNDECODABLE = "undecodable"
FAILED = "failed"


class Stage:
    """Where in the agents a record came to grief: `DeadLetter.stage`."""

    DECODE = "decode"
    DECIDE = "decide"
    ADVANCE = "advance"


def cause_of(fault: Exception) -> Cause:
    """A cause that an operator can group by. The text of an unforeseen error is its type and message, no values."""
    if isinstance(fault, Undecodable):
        return Cause(kind=UNDECODABLE, code=fault.code, message=str(fault))
    if isinstance(fault, PipelineError):
        return Cause(kind=FAILED, code=type(fault).__name__, message=str(fault))
    return Cause(kind=INTERNAL, code=type(fault).__name__, message=str(fault))


def dead_letter(message: Message, cause: Cause, *, stage: str, seen: datetime) -> DeadLetter:
    """`message` as it was, with why and where it was given up."""
    when = message.timestamp()
    return DeadLetter(
        topic=message.topic() or "",
        partition=_number(message.partition()),
        offset=_number(message.offset()),
        timestamp=None if when[0] == TIMESTAMP_NOT_AVAILABLE else utc(when[1] / 1000),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=readable_headers_of(message),
        cause=cause,
        stage=stage,
        seen=seen,
    )


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
