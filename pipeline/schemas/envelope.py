"""The event envelope: CloudEvents 1.0 with our extension attributes.

`type` is ``<app>.<trigger>`` (``togai.account.created``), `source` is ``<app>/<connection>`` (``togai/togai-main``),
`subject` is the object's id in its app. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

import msgspec

from pipeline.schemas.records import Lane

NAMESPACE = uuid.UUID("6f1c3c0e-2f0b-5d55-9d0e-0f6d0a4b6a11")
"""Of all ids that are derived from content: deciding the same event twice gives the same ids."""


_NAMESPACE_SHA1 = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. What stands below `data` are CloudEvents extensions.

    `hint`: the data is not to be trusted (an unsigned webhook), the object is fetched before anything is decided.
    `party`: the account or contact whose order matters. `sourceversion`: the source's own version of the object.
    `lane`: who is served before its commands; live events first, where nothing is said. `echo`: the pair of connections
    (`records.mapping_scope`) whose own write it tells of, "" where it is none.
    Events as they arrive may lack id, subject, connection and party; see `schemas.codec` for what is filled in.
    """

    id: str = ""
    source: str = ""
    type: str = ""
    specversion: str = "1.0"
    subject: str = ""
    time: datetime | None = None
    datacontenttype: str = "application/json"
    dataschema: str = ""
    data: Any = None
    connection: str = ""
    party: str = ""
    hint: bool = False
    sourceversion: str = ""
    replay: str = ""
    lane: Lane | None = None
    echo: str = ""
    traceparent: str = ""

    @property
    def app(self) -> str:
        return self.type.partition(".")[0]

    @property
    def trigger(self) -> str:
        return self.type.partition(".")[2]

    @property
    def key(self) -> bytes:
        """The Kafka key: order is kept for one party of one connection."""
        return f"{self.connection}/{self.party}".encode()


def derive_id(*parts: str) -> str:
    """uuid5 over the parts; no part may hold a newline.

    Written out (RFC 9562, 5.5), because each decision derives several and `uuid.uuid5` takes three times as long.
    """
    hashed = _NAMESPACE_SHA1.copy()
    hashed.update("\n".join(parts).encode())
    digits = hashed.hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def content_hash(value: object) -> str:
    """16 hex digits over the value with sorted keys: equal content, equal hash."""
    canonical = msgspec.json.encode(value, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()


def event_id(connection: str, type_: str, subject: str, version: str, data: object) -> str:
    """The id of an event that came without one: stable for the same version (or the same content) of an object."""
    return derive_id(connection, type_, subject, version or content_hash(data))
