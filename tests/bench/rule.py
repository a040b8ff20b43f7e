"""The job of the forward figures: decode an event, two comparisons, forward it as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from confluent_kafka import Message

EVENTS = 200_000
PARTIES = 1_000
_PADDING = "x" * 300

decode = msgspec.json.Decoder().decode


def wanted(event: dict[str, Any]) -> bool:
    """All events of the backlog are."""
    data = event["data"]
    return bool(data["status"] == "DUE" and data["total"] > 0)


def events(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Events of some 555 bytes with their keys."""
    for number in range(count):
        party = f"account-{number % PARTIES}"
        event = {
            "specversion": "1.0",
            "id": f"event-{number:09d}",
            "source": "togai/togai-main",
            "type": "togai.invoice.generated",
            "subject": f"invoice-{number}",
            "connection": "togai-main",
            "party": party,
            "data": {"n": number, "status": "DUE", "total": number % 1_000 + 1, "padding": _PADDING},
        }
        yield f"togai-main/{party}".encode(), json.dumps(event).encode()


def number_of(message: Message) -> int:
    return int(decode(message.value() or b"")["data"]["n"])
