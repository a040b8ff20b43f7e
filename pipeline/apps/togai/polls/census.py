"""Who is there and how each stands, in a fixed size: what a cursor remembers of any number of objects.

Objects fall into cells by a hash of their ids. A cell holds two numbers: all ids, and all ids with their states, each
hashed and put together by exclusive or. A worker that knows no single object, because it took over, compares the cells
with what it finds: cells that are the same hold nothing new. In one that differs, a single new object is told apart
exactly; where more has changed, all of the cell are looked at. That is too many rather than too few: looking at an
object that did not change ends as unchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CELLS = 256
_FORM = struct.Struct(f">{2 * CELLS}I")
SIZE = _FORM.size
"""Bytes of a census, however many objects there are."""


@dataclass(frozen=True, slots=True)
class Differences:
    """`new` are surely new; of `unsure` each may be new, changed, or neither."""

    new: list[str]
    unsure: list[str]


@dataclass(frozen=True, slots=True)
class Census:
    """`ids` and `states`, a number a cell."""

    ids: tuple[int, ...]
    states: tuple[int, ...]

    def text(self) -> str:
        """For a cursor."""
        return base64.b64encode(_FORM.pack(*self.ids, *self.states)).decode()

    def compare(self, found: Mapping[str, str]) -> Differences:
        """What may have changed until `found` (states by id) was seen."""
        members: defaultdict[int, list[str]] = defaultdict(list)
        for id_ in found:
            members[_cell(id_)].append(id_)
        now = census(found.items())
        new: list[str] = []
        unsure: list[str] = []
        for cell in range(CELLS):
            ids, states = self.ids[cell] ^ now.ids[cell], self.states[cell] ^ now.states[cell]
            if not ids and not states:
                continue
            newcomers = [id_ for id_ in members[cell] if _hash(id_) == ids] if ids else []
            if len(newcomers) == 1 and _hash(newcomers[0], found[newcomers[0]]) == states:
                new += newcomers
            else:
                unsure += members[cell]
        return Differences(new, unsure)


def census(objects: Iterable[tuple[str, str]]) -> Census:
    """Of (id, state) pairs."""
    ids, states = [0] * CELLS, [0] * CELLS
    for id_, state in objects:
        cell = _cell(id_)
        ids[cell] ^= _hash(id_)
        states[cell] ^= _hash(id_, state)
    return Census(tuple(ids), tuple(states))


def read_census(text: object) -> Census | None:
    """What a cursor holds; None where it holds none."""
    try:
        numbers = _FORM.unpack(base64.b64decode(str(text or ""), validate=True))
    except (binascii.Error, struct.error, ValueError):
        return None
    return Census(numbers[:CELLS], numbers[CELLS:])


def _cell(id_: str) -> int:
    return hashlib.blake2b(id_.encode(), digest_size=2, person=b"cell").digest()[1] % CELLS


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\n".join(parts).encode(), digest_size=4).digest())
