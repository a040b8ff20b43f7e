"""Ids as the two apps make them, deterministic so that a run can be repeated."""

from __future__ import annotations

import random
import string

_ALPHABET = string.ascii_letters + string.digits


class DigitIds:
    """Zoho's kind: strings of 18 digits, rising, unique within a twin."""

    def __init__(self, first: int = 460_000_000_000_026_001) -> None:
        self._next = first

    def __call__(self) -> str:
        value = self._next
        self._next = value + 2
        return str(value)


class TokenIds:
    """Togai's kind: ``<prefix>.<11 characters>.<5 characters>``; the dots are part of the id."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - ids of a sandbox, not secrets

    def __call__(self, prefix: str) -> str:
        middle = "22" + "".join(self._random.choices(_ALPHABET, k=9))
        return f"{prefix}.{middle}.{''.join(self._random.choices(_ALPHABET, k=5))}"
