"""What a consumed message holds, in types that do not vary."""

from __future__ import annotations

from confluent_kafka import Message

from pipeline.errors import Undecodable

Headers = list[tuple[str, bytes | None]]


def headers_of(message: Message) -> Headers:
    """In order and with repeats, as Kafka has them; empty where there are none.

    Raises `Undecodable` (``bad_headers``) for a name that is no UTF-8: Kafka's protocol says that it is, some producers
    do not care, and our client cannot give any header of such a record.
    """
    try:
        found = message.headers()
    except (SystemError, UnicodeDecodeError) as error:
        raise Undecodable("bad_headers", "the name of a header is no UTF-8: the headers cannot be read") from error
    if not found:
        return []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, _bytes(value)) for name, value in pairs]


def readable_headers_of(message: Message) -> Headers:
    """As `headers_of`; empty where they cannot be read."""
    try:
        return headers_of(message)
    except Undecodable:
        return []


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
