"""Looking up what happened: results and decisions by what they name, and mapped ids from either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import structlog

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas import records
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Decision, ObjectRef, Result
from pipeline.schemas.topics import Topics

Told = TypeVar("Told", Result, Decision)


@dataclass(frozen=True, slots=True)
class Filter:
    """Fields that must have these values; empty ones are not asked for. `since` bounds the record's time."""

    fields: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None

    def takes(self, record: Result | Decision) -> bool:
        return all(not value or str(getattr(record, name)) == value for name, value in self.fields.items())


@dataclass(frozen=True, slots=True)
class Watch:
    """How long to look: `follow` goes on until `stop`; `only_new` leaves out what is there."""

    follow: bool = False
    only_new: bool = False
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Pair:
    """One mapped id and its counterpart. `scope` names the two connections."""

    scope: str
    this: ObjectRef
    other: ObjectRef
    hash: str = ""
    version: str = ""
    command: str = ""
    link: str = ""
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Reads the public topics. Each question is one scan: made for operators, not for hot paths."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    def results(self, wanted: Filter, watch: Watch | None = None) -> Iterator[Result]:
        """In order for one party."""
        return self._read(Result, self.topics.results, wanted, watch or Watch())

    def decisions(self, wanted: Filter, watch: Watch | None = None) -> Iterator[Decision]:
        """In order for one party."""
        return self._read(Decision, self.topics.decisions, wanted, watch or Watch())

    def mapping(self, id: str) -> list[Pair]:
        """Every pair that has an object of this id on either side, each once as seen from that side."""
        rows: dict[bytes, bytes | None] = {}
        ending = f"/{id}".encode()
        for message in scan(self.access, Scan(self.topics.mappings)):
            key = message.key() or b""
            if key.endswith(ending):
                rows[key] = message.value()
        found = [pair for key, value in rows.items() if value and (pair := self._pair(key.decode(), value, id))]
        return sorted(found, key=lambda pair: (pair.scope, pair.this.app, pair.this.type))

    def mappings(self) -> Iterator[Pair]:
        """Every row of the table: each pair twice, once from either side."""
        rows: dict[bytes, bytes | None] = {}
        for message in scan(self.access, Scan(self.topics.mappings)):
            rows[message.key() or b""] = message.value()
        for key, value in rows.items():
            if value and (pair := self._pair(key.decode(), value, None)):
                yield pair

    def _read(self, kind: type[Told], topic: str, wanted: Filter, watch: Watch) -> Iterator[Told]:
        asked = Scan(topic, since=wanted.since, follow=watch.follow, only_new=watch.only_new)
        for message in scan(self.access, asked, stop=watch.stop):
            value = message.value()
            if value is None:
                continue
            try:
                record = self.codec.decode(kind, value)
            except Undecodable as error:
                structlog.get_logger().warning(
                    "a record cannot be read",
                    topic=topic,
                    partition=message.partition(),
                    offset=message.offset(),
                    code=error.code,
                )
                continue
            if wanted.takes(record):
                yield record

    def _pair(self, key: str, value: bytes, id: str | None) -> Pair | None:
        scope, _, rest = key.partition("/")
        app, _, rest = rest.partition("/")
        type_, _, this = rest.partition("/")
        if id is not None and this != id:
            return None
        row = self.codec.decode(records.Mapping, value)
        return Pair(
            scope=scope,
            this=ObjectRef(app=app, type=type_, id=this),
            other=row.other,
            hash=row.hash,
            version=row.version,
            command=row.command,
            link=row.link,
            time=row.time,
        )
