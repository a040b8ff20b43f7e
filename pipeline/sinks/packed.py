"""Many small rows in little memory: one byte arena, and a sorted index of hashes over it.

A dict of a million pairs takes some 450 MB, most of it object headers; this takes a third, and is built in batches, so
that little is done row by row. Rows are appended, then the index is sealed; what changes afterwards is the owner's to
keep (`mappings`).

Keys themselves are not kept: a row is known by 96 bits, the interpreter's keyed 64-bit hash and a CRC-32. That another
key is taken for it is less likely than a broken disk: 10⁻¹⁷ for any two of two million keys.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

ROW_END = b"\xff"
"""Ends a row. No UTF-8 text holds this byte."""
_ROW_END = "\udcff"
_ERRORS = "surrogateescape"
_FITS = 2**32


def encode(row: str) -> bytes:
    """A row as it is kept. Lone surrogates U+DC80 to U+DCFE may mark its fields: their bytes are in no UTF-8 text."""
    return row.encode(errors=_ERRORS)


def decode(kept: bytes) -> str:
    """What `encode` was given."""
    return kept.decode(errors=_ERRORS)


class PackedIndex:
    """Rows by key; of equal keys the one appended last counts. An empty row is a tombstone."""

    def __init__(self) -> None:
        self._arena = bytearray()
        self._hashes = array("q")
        self._checks = array("I")
        self._starts = array("Q")
        self._sorted: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._places: npt.NDArray[np.unsignedinteger] = np.empty(0, dtype=np.uint32)
        self._sums: npt.NDArray[np.uint32] = np.empty(0, dtype=np.uint32)

    def extend(self, keys: Sequence[bytes], rows: Sequence[str]) -> None:
        """Append a row for each key. Raises UnicodeEncodeError, with nothing appended, for what is no text."""
        if not keys:
            return
        block = encode(_ROW_END.join(rows)) + ROW_END
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ROW_END[0])
        starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1)) + len(self._arena)
        self._starts.frombytes(starts.astype(np.uint64).tobytes())
        self._hashes.extend(map(hash, keys))
        self._checks.extend(map(crc32, keys))
        self._arena += block

    def seal(self) -> None:
        """Make what was appended findable."""
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        order = np.argsort(hashes)
        starts = np.frombuffer(self._starts, dtype=np.uint64)[order]
        self._sorted = hashes[order]
        self._places = starts.astype(np.uint32) if len(self._arena) < _FITS else starts
        self._sums = np.frombuffer(self._checks, dtype=np.uint32)[order]
        self._hashes, self._checks, self._starts = array("q"), array("I"), array("Q")

    def get(self, key: bytes) -> bytes | None:
        """The row, None where there is none or a tombstone."""
        wanted, check = hash(key), crc32(key)
        place = int(np.searchsorted(self._sorted, wanted))
        last = -1
        while place < len(self._sorted) and int(self._sorted[place]) == wanted:
            if int(self._sums[place]) == check:
                last = max(last, int(self._places[place]))
            place += 1
        return None if last < 0 else bytes(self._arena[last : self._arena.index(ROW_END, last)]) or None
