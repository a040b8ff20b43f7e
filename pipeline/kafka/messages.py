"""What a consumed message holds, in types that do not vary."""

from __future__ import annotations

from confluent_kafka import Message

Headers = list[tuple[str, bytes | None]]


def headers_of(message: Message) -> Headers:
    """In order and with repeats, as Kafka has them; empty where there are none."""
    found = message.headers()
    if not found:
        return []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, _bytes(value)) for name, value in pairs]


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
