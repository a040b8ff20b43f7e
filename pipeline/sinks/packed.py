"""Many small rows in little memory: one byte arena, and a sorted index of hashes over it.

A dict of a million pairs takes some 450 MB, most of it object headers; this takes a third, and is built in one pass.
Rows are appended, then the index is sealed; what changes afterwards is the owner's to keep (`mappings`).
"""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

_LENGTH = 2
"""Bytes of a length: keys and values are at most 65,535 bytes each."""


class PackedIndex:
    """Rows by key; of equal keys the one appended last counts. An empty value is a tombstone."""

    def __init__(self) -> None:
        self._arena = bytearray()
        self._hashes = array("q")
        self._starts = array("Q")
        self._sorted: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._order: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)

    def append(self, key: bytes, value: bytes) -> None:
        """Raises OverflowError for a key or value that is too long."""
        arena = self._arena
        self._hashes.append(hash(key))
        self._starts.append(len(arena))
        arena += len(key).to_bytes(_LENGTH, "little")
        arena += len(value).to_bytes(_LENGTH, "little")
        arena += key
        arena += value

    def seal(self) -> None:
        """Make what was appended findable. The sort is stable, so later rows stand behind earlier ones of a key."""
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[order]
        self._order = np.frombuffer(self._starts, dtype=np.uint64)[order]
        self._hashes, self._starts = array("q"), array("Q")

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none or a tombstone."""
        wanted = hash(key)
        place = int(np.searchsorted(self._sorted, wanted, side="right")) - 1
        while place >= 0 and int(self._sorted[place]) == wanted:
            start = int(self._order[place])
            middle = start + 2 * _LENGTH
            end = middle + int.from_bytes(self._arena[start : start + _LENGTH], "little")
            if self._arena[middle:end] == key:
                length = int.from_bytes(self._arena[start + _LENGTH : middle], "little")
                return bytes(self._arena[end : end + length]) or None
            place -= 1
        return None
