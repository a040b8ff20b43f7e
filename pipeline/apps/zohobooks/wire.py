"""Requests and JSON as Zoho Books wants them: exact numbers, ids as text, the organisation in the query.

https://www.zoho.com/books/api/v3/introduction/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from pipeline.apps.base import Request
from pipeline.apps.zohobooks.connection import ZohoBooksSettings

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def encode(body: Any) -> bytes:
    """JSON with Decimals as numbers, digit by digit; no binary float comes in between."""
    return _ENCODER.encode(body)


def decode(body: bytes) -> Any:
    """JSON with fractions as Decimal. Raises `ValueError` for anything else."""
    try:
        return _DECODER.decode(body)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"not JSON that can be read: {type(error).__name__}") from error


def request(
    settings: ZohoBooksSettings,
    method: str,
    *path: str,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Request:
    """A call below ``/books/<version>``; each part of `path` is escaped on its own."""
    return Request(
        method,
        "/".join(("/books", settings.api_version, *(quote(part, safe="") for part in path))),
        query={"organization_id": settings.organization_id, **(query or {})},
        headers=headers or {},
        body=None if body is None else encode(body),
    )


def keyed(field: str, value: str) -> dict[str, str]:
    """Headers that make ``PUT /<module>`` update the record whose unique custom field holds `value`, else create it."""
    return {"X-Unique-Identifier-Key": field, "X-Unique-Identifier-Value": value, "X-Upsert": "true"}


LONGEST_KEY = 1_000
"""Characters of a value in a header: servers take a header line of 8 KB, and what they say to more tells nothing."""


def sendable_key(value: str) -> bool:
    """Whether a header carries `value` unharmed: printable ASCII, no blank at either end, not too long."""
    return 0 < len(value) <= LONGEST_KEY and value == value.strip() and value.isascii() and value.isprintable()


LONGEST_ID = 19
"""Digits of an id of Zoho's."""


def fit_id(value: str) -> bool:
    """Whether `value` may be an id of Zoho's, or is "" for none."""
    return value.isascii() and len(value) <= LONGEST_ID and (value.isdecimal() or not value)


def text(record: Mapping[str, Any], name: str) -> str:
    """A field as text; Zoho sends ids as numbers or strings."""
    value = record.get(name)
    return "" if value is None else str(value)
