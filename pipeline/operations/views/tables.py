"""The tables. Change `VERSION` with them, or with what is written into them: then the log is built anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

VERSION = 1


class Utc(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        time: datetime = value
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


metadata = MetaData()


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in names]


def _number(*names: str) -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _time(*names: str) -> list[Column[Any]]:
    return [Column(name, Utc, nullable=True) for name in names]


about = Table(
    "views_about",
    metadata,
    Column("name", String(40), primary_key=True),
    *_text("value"),
)
"""``version`` of the tables, and ``source``: the cluster and the topics that they are about."""

positions = Table(
    "views_positions",
    metadata,
    Column("topic", String(255), primary_key=True),
    Column("partition", BigInteger, primary_key=True),
    *_number("offset"),
)
"""The next offset of each partition that is tailed; ``agents:`` before a topic: how far the agents have come."""

runs = Table(
    "views_runs",
    metadata,
    Column("id", Text, primary_key=True),
    *_text("link", "flow", "flow_version", "event_id", "event_type", "subject", "party", "source", "replay"),
    *_text("verdict"),
    Column("began", Boolean, nullable=False),
    *_text("clause", "read", "message"),
    *_time("decided", "judged"),
    *_number("handed_index", "handed_partition", "handed_offset"),
    *_text("status"),
    *_time("started", "ended"),
    Index("views_runs_started", "started", "id"),
    Index("views_runs_link", "link", "started"),
    Index("views_runs_flow", "flow", "started"),
    Index("views_runs_party", "party", "started"),
    Index("views_runs_status", "status", "started"),
    Index("views_runs_event", "event_id"),
    Index("views_runs_ended", "ended"),
)

steps = Table(
    "views_steps",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False, index=True),
    *_text("step"),
    *_number("index"),
    *_text("app", "action", "connection", "lane"),
    Column("last", Boolean, nullable=True),
    *_text("input"),
    *_number("round"),
    *_time("created"),
    *_text("state"),
    *_number("open_round", "open_attempts", "open_calls"),
    *_time("due"),
    *_text("waits_for", "reason", "outcome"),
    *_number("result_round"),
    *_text("operation", "object", "output", "cause_kind", "cause_code", "cause_message", "warnings"),
    *_number("attempts", "calls"),
    *_time("started", "ended"),
    *_text("status", "detail"),
)
