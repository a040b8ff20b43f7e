"""The activity log as it is asked: by the command line, and by an API. Every answer says how far behind it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, func, or_, select

from pipeline.errors import ConfigurationError
from pipeline.operations.views import stored, tables
from pipeline.operations.views.answers import (
    Cause,
    Kept,
    Lag,
    Page,
    RunAnswer,
    RunDetail,
    RunFilter,
    RunStatus,
    StepAnswer,
)
from pipeline.operations.views.database import Database
from pipeline.operations.views.rows import RunRow, StepRow, key

MOST = 1_000
"""Runs of a page."""

Ends = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Views:
    """Reads the database, and for the lag the ends of the topics (`ends`). Safe from any thread."""

    database: Database
    ends: Callable[[], Ends]

    def runs(self, wanted: RunFilter) -> Page:
        """The newest first. Raises `ConfigurationError` for an `after` that is none, `DatabaseUnavailable`."""
        limit = max(1, min(wanted.limit, MOST))
        with self.database.reading() as connection:
            rows = [RunRow(*row) for row in connection.execute(_asked(wanted).limit(limit + 1))]
        more = _cursor(rows[limit - 1]) if len(rows) > limit else ""
        return Page([_run(row) for row in rows[:limit]], more, self.lag())

    def run(self, id: str) -> RunDetail | None:
        """With its steps; None where there is no such run (any more). Raises `DatabaseUnavailable`."""
        with self.database.reading() as connection:
            rows, steps = stored.run_rows(connection, [key(id)]), stored.steps_of(connection, [key(id)])
        if not rows:
            return None
        ordered = sorted(steps, key=lambda step: (step.index, step.step))
        return RunDetail(_run(rows[0]), [_step(step) for step in ordered], self.lag())

    def lag(self) -> Lag:
        """How many records of each topic are not in the log yet. Raises `KafkaUnavailable`."""
        with self.database.reading() as connection:
            positions = stored.read_positions(connection)
        behind = {
            topic: sum(_left(positions.get((topic, partition), 0), end) for partition, end in ends.items())
            for topic, ends in self.ends().items()
        }
        return Lag(behind, sum(behind.values()))

    def kept(self) -> Kept:
        """How much the log holds."""
        runs = tables.runs.c
        with self.database.reading() as connection:
            total, since = connection.execute(select(func.count(), func.min(runs.started))).one()
            skipped = connection.execute(select(func.count()).where(runs.status == RunStatus.SKIPPED)).scalar_one()
        return Kept(total, skipped, since)

    def counts(self) -> dict[str, dict[str, int]]:
        """Runs that are kept, by link and status. Raises `DatabaseUnavailable`."""
        runs = tables.runs.c
        query = select(runs.link, runs.status, func.count()).where(runs.link != "").group_by(runs.link, runs.status)
        found: dict[str, dict[str, int]] = {}
        with self.database.reading() as connection:
            for link, status, count in connection.execute(query.order_by(runs.link, runs.status)):
                found.setdefault(link, {})[str(status)] = count
        return found

    def open_runs(self, *, link: str = "", flow: str = "") -> int:
        """Runs of a link or of a flow that have not ended, as far as the log knows. Raises `DatabaseUnavailable`."""
        runs = tables.runs.c
        query = select(func.count()).where(runs.status.in_([RunStatus.PENDING, RunStatus.WAITING]))
        query = query.where(*(column == key(text) for column, text in ((runs.link, link), (runs.flow, flow)) if text))
        with self.database.reading() as connection:
            return int(connection.execute(query).scalar_one())


def _left(position: int, end: int) -> int:
    """A position beyond the end, which was looked up later, is one of a topic that was made anew since."""
    return end - position if position <= end else end


def _asked(wanted: RunFilter) -> Select[Any]:
    runs = tables.runs.c
    said = {
        runs.link: wanted.link,
        runs.flow: wanted.flow,
        runs.party: wanted.party,
        runs.event_id: wanted.event,
        runs.replay: wanted.replay,
        runs.status: wanted.status or "",
    }
    query = stored.all_of(RunRow, tables.runs).where(*(column == key(value) for column, value in said.items() if value))
    # A run of which nothing but a result's fate is known has no start yet: it is not listed before it has one.
    query = query.where(runs.started.is_not(None))
    if wanted.since is not None:
        query = query.where(runs.started >= wanted.since)
    if wanted.after:
        started, id_ = _read_cursor(wanted.after)
        query = query.where(or_(runs.started < started, and_(runs.started == started, runs.id < id_)))
    return query.order_by(runs.started.desc(), runs.id.desc())


def _cursor(row: RunRow) -> str:
    assert row.started is not None
    return f"{row.started.isoformat()}/{row.id}"


def _read_cursor(text: str) -> tuple[datetime, str]:
    started, _, id_ = text.partition("/")
    try:
        time = datetime.fromisoformat(started)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not id_:
        raise ConfigurationError(f"{text!r} is no place in the list: give the `next` of a page, as it was given")
    return time, id_


def _run(row: RunRow) -> RunAnswer:
    return RunAnswer(
        id=row.id,
        link=row.link,
        flow=row.flow,
        flow_version=row.flow_version,
        event_id=row.event_id,
        event_type=row.event_type,
        subject=row.subject,
        party=row.party,
        source=row.source,
        replay=row.replay,
        status=RunStatus(row.status),
        started=row.started,
        ended=row.ended,
        clause=row.clause,
        read=_json(row.read),
        message=row.message,
    )


def _step(row: StepRow) -> StepAnswer:
    status = RunStatus(row.status)
    cause = Cause(row.cause_kind, row.cause_code, row.cause_message) if row.cause_kind else None
    open_ = not status.ended
    return StepAnswer(
        command=row.id,
        step=row.step,
        index=row.index,
        app=row.app,
        action=row.action,
        connection=row.connection,
        lane=row.lane,
        status=status,
        detail=row.detail,
        operation=row.operation,
        object=row.object,
        input=_json(row.input),
        output=_json(row.output),
        cause=cause,
        warnings=_json(row.warnings) or [],
        reason=row.reason if open_ else "",
        waits_for=row.waits_for if open_ else "",
        attempts=max(row.attempts, row.open_attempts),
        calls=max(row.calls, row.open_calls),
        round=max(row.round, row.open_round, row.result_round, 0),
        created=row.created,
        started=row.started,
        ended=row.ended if not open_ else None,
        due=row.due if open_ else None,
    )


def _json(text: str) -> Any:
    return msgspec.json.decode(text) if text else {}
