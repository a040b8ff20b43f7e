"""The table of mapped ids in memory: both directions of every pair, read from `id.mappings`.

One dict for each (scope, app, type), from id to a packed value: a million pairs must fit into a worker.
"""

from __future__ import annotations

import msgspec

from pipeline.apps.base import Mapped, Pair
from pipeline.schemas.records import ObjectRef, mapping_key

_SEPARATOR = "\x1f"


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

    What this worker wrote comes back from the topic later; until it does, older rows of the same key are passed over
    (`_ahead`), so that memory never falls behind what it has already planned with.
    """

    def __init__(self) -> None:
        self._tables: dict[str, dict[bytes, bytes]] = {}
        self._ahead: dict[bytes, bytes] = {}
        self._decode = msgspec.json.Decoder(_Row).decode

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def load(self, key: bytes, value: bytes | None) -> None:
        """One row of the topic, a tombstone included."""
        scope, app, type_, id_ = key.split(b"/", 3)
        table = self._tables.setdefault(f"{scope.decode()}/{app.decode()}/{type_.decode()}", {})
        if value is None:
            table.pop(id_, None)
            return
        row = self._decode(value)
        packed = _pack(row.other.app, row.other.type, row.other.id, row.hash, row.version)
        if self._ahead and key in self._ahead:
            if self._ahead[key] == packed:
                del self._ahead[key]
            return
        table[id_] = packed

    def get(self, scope: str, ref: ObjectRef) -> Mapped | None:
        table = self._tables.get(f"{scope}/{ref.app}/{ref.type}")
        packed = table.get(ref.id.encode()) if table else None
        if packed is None:
            return None
        app, type_, hash_, version, id_ = packed.decode().split(_SEPARATOR, 4)
        return Mapped(other=ObjectRef(app=app, type=type_, id=id_), hash=hash_, version=version)

    def has(self, key: str) -> bool:
        """Whether the object of a topic key (``scope/app/type/id``) has a counterpart."""
        scope, app, type_, id_ = key.split("/", 3)
        return id_.encode() in self._tables.get(f"{scope}/{app}/{type_}", {})

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

    def put(self, scope: str, pair: Pair) -> list[tuple[str, bytes, bytes | None]]:
        """Write both directions; gives what `undo` needs should the transaction fail."""
        undo = []
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):
            name, id_ = f"{scope}/{one.app}/{one.type}", one.id.encode()
            table = self._tables.setdefault(name, {})
            undo.append((name, id_, table.get(id_)))
            packed = _pack(other.app, other.type, other.id, pair.hash, pair.version)
            table[id_] = self._ahead[f"{name}/".encode() + id_] = packed
        return undo

    def undo(self, entries: list[tuple[str, bytes, bytes | None]]) -> None:
        for name, id_, before in reversed(entries):
            self._ahead.pop(f"{name}/".encode() + id_, None)
            if before is None:
                self._tables[name].pop(id_, None)
            else:
                self._tables[name][id_] = before


def _pack(app: str, type_: str, id_: str, hash_: str, version: str) -> bytes:
    return _SEPARATOR.join((app, type_, hash_, version, id_)).encode()


def keys(scope: str, pair: Pair) -> tuple[str, str]:
    """The topic keys of both rows of a pair."""
    return mapping_key(scope, pair.source), mapping_key(scope, pair.destination)
