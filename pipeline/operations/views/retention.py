"""Runs that ended long ago leave the log, and so do the oldest of those that were skipped, where there are many.

What is open stays, however old it is. Topics keep what they keep: this is about the log alone.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, delete, select

from pipeline.operations.views import tables
from pipeline.operations.views.answers import RunStatus
from pipeline.operations.views.database import Database

MOST_SKIPPED = 100_000
"""Skipped runs are kept, the newest: most events of a busy topic may match nothing, and each is one for each link."""
AT_ONCE = 1_000


def prune(database: Database, before: datetime, *, most_skipped: int = MOST_SKIPPED, at_once: int = AT_ONCE) -> int:
    """Forget runs that ended before; gives how many. A transaction each `at_once`: others get in between."""
    runs = tables.runs.c
    gone = _forget(database, select(runs.id).where(runs.ended < before), at_once)
    skipped = select(runs.started).where(runs.status == RunStatus.SKIPPED, runs.started.is_not(None))
    with database.reading() as connection:
        first = connection.execute(skipped.order_by(runs.started.desc()).offset(most_skipped).limit(1)).scalar()
    if first is not None:
        gone += _forget(
            database, select(runs.id).where(runs.status == RunStatus.SKIPPED, runs.started <= first), at_once
        )
    return gone


def _forget(database: Database, chosen: Select[tuple[str]], at_once: int) -> int:
    gone = 0
    while True:
        with database.writing() as connection:
            ids = list(connection.execute(chosen.limit(at_once)).scalars())
            if ids:
                connection.execute(delete(tables.steps).where(tables.steps.c.run.in_(ids)))
                connection.execute(delete(tables.runs).where(tables.runs.c.id.in_(ids)))
        gone += len(ids)
        if len(ids) < at_once:
            return gone
