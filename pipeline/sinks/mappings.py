"""The table of mapped ids in memory: both directions of every pair, read from `id.mappings`.

What was there at the start is packed (`packed`), a million pairs in some 160 MB; what came since is in a dict over it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from pipeline.apps.base import Mapped, Pair
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key
from pipeline.sinks.packed import PackedIndex, decode, encode

_GONE = ""
_FIELD = "\udcfe"
"""Between the fields of a row; no text holds it (`packed.encode`)."""
_FIRST_KIND = ord("0")

Undo = list[tuple[bytes, bytes | None]]
"""What was known ahead of the topic before, by key; None where nothing was."""


class _Other(msgspec.Struct, gc=False):
    app: str
    type: str
    id: str


class _Row(msgspec.Struct, gc=False):
    """What planning needs of a `Mapping` row; the rest is skipped while reading.

    Rows hold no reference back, so the collector need not know of them: knowing takes three times as long as decoding.
    """

    other: _Other
    hash: str = ""
    version: str = ""
    ours: bool = False


class _Kinds(dict[tuple[str, str, bool], str]):
    """A character for each app and type of object, ours or not: there are few of those, and many rows."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[tuple[str, str, bool]] = []

    def __missing__(self, name: tuple[str, str, bool]) -> str:
        self[name] = kind = chr(_FIRST_KIND + len(self._names))
        self._names.append(name)
        return kind

    def name(self, kind: str) -> tuple[str, str, bool]:
        return self._names[ord(kind) - _FIRST_KIND]


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
        self._kinds = _Kinds()
        self._bulk: PackedIndex | None = None
        decoder = msgspec.json.Decoder(_Row)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Rows loaded within go into a packed base, which replaces everything: for reading the topic from its start.

        The collector rests meanwhile: it would look at each batch of messages several times.
        """
        self._bulk = PackedIndex()
        collecting = gc.isenabled()
        gc.disable()
        try:
            yield
            self._bulk.seal()
            self._base, self._overlay = self._bulk, {}
        finally:
            self._bulk = None
            if collecting:
                gc.enable()

    def load(self, key: bytes, value: bytes | None) -> None:
        """One row of the topic, a tombstone included. Raises ValueError or `Undecodable` where it is none."""
        self._add([key], [self._row(value)])

    def load_all(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> bool:
        """Many rows at once, in their order; False, with none of them taken, where they have to go one by one."""
        try:
            lines = b"\n".join(values)  # type: ignore[arg-type]  # a tombstone is what raises the TypeError
            rows = self._decode_lines(lines)
        except (TypeError, ValueError):
            return False
        if not len(rows) == len(values) == lines.count(b"\n") + 1:
            return False
        kinds = self._kinds
        self._add(
            keys,
            [
                # As `_packed`, written out: a call a row would take half as long again.
                f"{kinds[row.other.app, row.other.type, row.ours]}{row.hash}{_FIELD}{row.version}{_FIELD}{row.other.id}"
                for row in rows
            ],
        )
        return True

    def forget(self) -> None:
        """From now on the topic alone counts: whether what was in flight got committed will be read there."""
        self._ahead.clear()

    def get(self, scope: str, ref: ObjectRef) -> Mapped | None:
        packed = self._find(mapping_key(scope, ref).encode())
        if not packed:
            return None
        row = decode(packed)
        hash_, version, id_ = row[1:].split(_FIELD)
        app, type_, ours = self._kinds.name(row[0])
        return Mapped(other=ObjectRef(app=app, type=type_, id=id_), hash=hash_, version=version, ours=ours)

    def has(self, key: str) -> bool:
        """Whether the object of a topic key (``scope/app/type/id``) has a counterpart."""
        return bool(self._find(key.encode()))

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
        sides = (pair.source, pair.destination, pair.version), (pair.destination, pair.source, pair.theirs)
        for ours, (one, other, version) in enumerate(sides):
            key = mapping_key(scope, one).encode()
            undo.append((key, self._ahead.get(key)))
            self._ahead[key] = encode(self._packed(other, pair.hash, version, ours=bool(ours)))
        return undo

    def undo(self, entries: Undo) -> None:
        for key, before in reversed(entries):
            if before is None or before == self._overlay.get(key):
                self._ahead.pop(key, None)
            else:
                self._ahead[key] = before

    def _find(self, key: bytes) -> bytes | None:
        for known in (self._ahead, self._overlay):
            found = known.get(key)
            if found is not None:
                return found
        return self._base.get(key)

    def _add(self, keys: Sequence[bytes], rows: Sequence[str]) -> None:
        if self._bulk is not None:
            self._bulk.extend(keys, rows)
            return
        for key, row in zip(keys, rows, strict=True):
            packed = self._overlay[key] = encode(row)
            if self._ahead and self._ahead.get(key) == packed:
                del self._ahead[key]

    def _row(self, value: bytes | None) -> str:
        if value is None:
            return _GONE
        row: _Row | Mapping = self._decode(value) if value[:1] == b"{" else self._codec.decode(Mapping, value)
        return self._packed(row.other, row.hash, row.version, ours=row.ours)

    def _packed(self, other: _Other | ObjectRef, hash_: str, version: str, *, ours: bool) -> str:
        return f"{self._kinds[other.app, other.type, ours]}{hash_}{_FIELD}{version}{_FIELD}{other.id}"


def keys(scope: str, pair: Pair) -> tuple[str, str]:
    """The topic keys of both rows of a pair."""
    return mapping_key(scope, pair.source), mapping_key(scope, pair.destination)
