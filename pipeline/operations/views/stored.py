"""Rows and positions in the database: loaded for a batch, and written back whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, Connection, Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.operations.views import tables
from pipeline.operations.views.rows import RunRow, StepRow

Place = tuple[str, int]
"""Topic and partition."""
Row = TypeVar("Row", RunRow, StepRow)

_AT_ONCE = 1_000
"""Values of one `IN`: databases bound how many a statement takes."""
_AGENTS = "agents:"


def run_rows(connection: Connection, ids: Iterable[str]) -> list[RunRow]:
    return _rows(connection, RunRow, tables.runs, tables.runs.c.id, ids)


def steps_of(connection: Connection, runs: Iterable[str]) -> list[StepRow]:
    """All steps of these runs."""
    return _rows(connection, StepRow, tables.steps, tables.steps.c.run, runs)


def runs_of(connection: Connection, commands: Iterable[str]) -> set[str]:
    """The runs that these commands belong to, as far as they are known."""
    columns = tables.steps.c
    return {
        row.run
        for part in _parts(commands)
        for row in connection.execute(select(columns.run).where(columns.id.in_(part)))
    }


def between(connection: Connection, partition: int, first: int, end: int) -> set[str]:
    """Open runs whose last step was handed on at an offset from `first` on, before `end`."""
    columns = tables.runs.c
    asked = select(columns.id).where(
        columns.status == "pending",
        columns.handed_partition == partition,
        columns.handed_offset >= first,
        columns.handed_offset < end,
    )
    return {row.id for row in connection.execute(asked)}


def awaiting(connection: Connection) -> bool:
    """Whether a run is open that was handed on."""
    columns = tables.runs.c
    asked = select(columns.id).where(columns.status == "pending", columns.handed_partition >= 0).limit(1)
    return connection.execute(asked).first() is not None


def read_positions(connection: Connection) -> dict[Place, int]:
    """The next offsets of what is tailed."""
    return {place: at for place, at in _positions(connection).items() if not place[0].startswith(_AGENTS)}


def read_advanced(connection: Connection) -> dict[int, int]:
    """How far the agents were seen to have come in `flow.steps`, by partition."""
    return {place[1]: at for place, at in _positions(connection).items() if place[0].startswith(_AGENTS)}


def write_positions(connection: Connection, positions: Mapping[Place, int]) -> None:
    given = [{"topic": topic, "partition": partition, "offset": at} for (topic, partition), at in positions.items()]
    _upsert(connection, tables.positions, given)


def write_advanced(connection: Connection, topic: str, advanced: Mapping[int, int]) -> None:
    write_positions(connection, {(_AGENTS + topic, partition): at for partition, at in advanced.items()})


def write_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    _upsert(connection, table, [msgspec.structs.asdict(row) for row in rows])


def all_of(kind: type[Row], table: Table) -> Select[Any]:
    """What `kind(*row)` takes, in its order."""
    return select(*(table.c[name] for name in kind.__struct_fields__))


def _rows(
    connection: Connection, kind: type[Row], table: Table, column: Column[Any], values: Iterable[str]
) -> list[Row]:
    query = all_of(kind, table)
    return [kind(*row) for part in _parts(values) for row in connection.execute(query.where(column.in_(part)))]


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    whole = sorted(values)
    return (whole[start : start + _AT_ONCE] for start in range(0, len(whole), _AT_ONCE))


def _positions(connection: Connection) -> dict[Place, int]:
    return {(row.topic, row.partition): row.offset for row in connection.execute(tables.positions.select())}


def _upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """By primary key; the new row replaces the old one."""
    if not rows:
        return
    insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=others), rows)
