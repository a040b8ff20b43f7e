"""What a consumed message holds, in types that do not vary."""

from __future__ import annotations

from operator import methodcaller

from confluent_kafka import Message

from pipeline.errors import Undecodable

Headers = list[tuple[str, bytes | None]]

_headers = methodcaller("headers")
"""For a name that is no UTF-8, confluent-kafka 2.16 gives a list with a hole, and sets an exception besides. Called
like this, the interpreter notices; a call that it has made faster does not, and to touch the hole ends the process."""


def headers_of(message: Message) -> Headers:
    """In order and with repeats, as Kafka has them; empty where there are none.

    Raises `Undecodable` (``bad_headers``) for a name that is no UTF-8: Kafka's protocol says that it is, some producers
    do not care, and our client cannot give any header of such a record. Asked again, there are none.
    """
    try:
        found = _headers(message)
    except (SystemError, UnicodeDecodeError) as error:
        message.set_headers([])
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
