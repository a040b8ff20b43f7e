"""The table of mapped ids in memory: both directions of every pair, read from `id.mappings`.

What was there at the start is packed (`packed`), a million pairs in some 150 MB; what came since is in a dict over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from pipeline.apps.base import Mapped, Pair
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key
from pipeline.sinks.packed import PackedIndex

_GONE = b""

Undo = list[tuple[bytes, bytes | None]]
"""What was known ahead of the topic before, by key; None where nothing was."""


class _Other(msgspec.Struct):
    app: str
    type: str
    id: str


class _Row(msgspec.Struct):
    """What planning needs of a `Mapping` row; the rest is skipped while reading."""

    other: _Other
    hash: str = ""
    version: str = ""


class MappingTable:
    """Looked up from either side. A pair that would give an object a second counterpart is a clash, never written.

    What this worker wrote hides what the topic says (`_ahead`) until it comes back from there: older rows of its key
    that arrive meanwhile never take memory behind what was planned with, and `undo` shows the topic's state again.
    """

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec or Codec()
        self._base = PackedIndex()
        self._overlay: dict[bytes, bytes] = {}
        self._ahead: dict[bytes, bytes] = {}
        self._kinds: dict[tuple[str, str], int] = {}
        self._names: list[tuple[str, str]] = []
        self._prefixes: dict[bytes, bytes] = {}
        self._bulk: PackedIndex | None = None
        self._decode = msgspec.json.Decoder(_Row).decode

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Rows loaded within go into a packed base, which replaces everything: for reading the topic from its start."""
        self._bulk = PackedIndex()
        try:
            yield
            self._bulk.seal()
            self._base, self._overlay = self._bulk, {}
        finally:
            self._bulk = None

    def load(self, key: bytes, value: bytes | None) -> None:
        """One row of the topic, a tombstone included. Raises ValueError or `Undecodable` where it is none."""
        short = self._short(key)
        packed = _GONE if value is None else self._packed_row(value)
        if self._bulk is not None:
            self._bulk.append(short, packed)
            return
        self._overlay[short] = packed
        if self._ahead and self._ahead.get(short) == packed:
            del self._ahead[short]

    def forget(self) -> None:
        """From now on the topic alone counts: whether what was in flight got committed will be read there."""
        self._ahead.clear()

    def get(self, scope: str, ref: ObjectRef) -> Mapped | None:
        packed = self._find(self._short(mapping_key(scope, ref).encode()))
        if not packed:
            return None
        hash_, version, id_ = packed[1:].decode().split("\x1f", 2)
        app, type_ = self._names[packed[0]]
        return Mapped(other=ObjectRef(app=app, type=type_, id=id_), hash=hash_, version=version)

    def has(self, key: str) -> bool:
        """Whether the object of a topic key (``scope/app/type/id``) has a counterpart."""
        return bool(self._find(self._short(key.encode())))

    def clash(self, scope: str, pair: Pair) -> str:
        """Why `pair` cannot be written, "" when it can: one of its sides already belongs to another."""
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):
            found = self.get(scope, one)
            if found is not None and found.other != other:
                return (
                    f"{one.app} {one.type} {one.id} is already mapped to {found.other.type} {found.other.id}, "
                    f"not to {other.type} {other.id}; remove one of the two by hand"
                )
        return ""

    def put(self, scope: str, pair: Pair) -> Undo:
        """Write both directions; gives what `undo` needs should the transaction fail."""
        undo: Undo = []
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):
            short = self._short(mapping_key(scope, one).encode())
            undo.append((short, self._ahead.get(short)))
            self._ahead[short] = self._pack(other.app, other.type, other.id, pair.hash, pair.version)
        return undo

    def undo(self, entries: Undo) -> None:
        for short, before in reversed(entries):
            if before is None or before == self._overlay.get(short):
                self._ahead.pop(short, None)
            else:
                self._ahead[short] = before

    def _find(self, short: bytes) -> bytes | None:
        for known in (self._ahead, self._overlay):
            found = known.get(short)
            if found is not None:
                return found
        return self._base.get(short)

    def _packed_row(self, value: bytes) -> bytes:
        if value[:1] == b"{":
            row = self._decode(value)
            return self._pack(row.other.app, row.other.type, row.other.id, row.hash, row.version)
        record = self._codec.decode(Mapping, value)
        other = record.other
        return self._pack(other.app, other.type, other.id, record.hash, record.version)

    def _pack(self, app: str, type_: str, id_: str, hash_: str, version: str) -> bytes:
        kind = self._kinds.get((app, type_))
        if kind is None:
            kind = self._kinds[app, type_] = len(self._names)
            self._names.append((app, type_))
        return b"%c%s\x1f%s\x1f%s" % (kind, hash_.encode(), version.encode(), id_.encode())

    def _short(self, key: bytes) -> bytes:
        """The key with its ``scope/app/type`` as a number: there are few of those, and many ids."""
        end = key.index(b"/", key.index(b"/", key.index(b"/") + 1) + 1)
        prefix = self._prefixes.get(key[:end])
        if prefix is None:
            prefix = self._prefixes[key[:end]] = len(self._prefixes).to_bytes(2, "big")
        return prefix + key[end + 1 :]


def keys(scope: str, pair: Pair) -> tuple[str, str]:
    """The topic keys of both rows of a pair."""
    return mapping_key(scope, pair.source), mapping_key(scope, pair.destination)
