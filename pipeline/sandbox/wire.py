"""JSON of the twins: money arrives and leaves as exact decimals, never through a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

Json = dict[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """Parse JSON; numbers with a fraction become Decimal. Raises ValueError on anything else."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def encode(value: Any) -> bytes:
    """JSON with Decimals as numbers in their own digits (``1138.70`` keeps its zero)."""
    return _encoder.encode(value)
