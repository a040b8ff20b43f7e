"""The projector on a thread of its own, beside whatever else a process does: it must not be in the way."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from pipeline.clock import Clock, SystemClock, utc
from pipeline.errors import PipelineError
from pipeline.operations.views.database import Database
from pipeline.operations.views.projector import Projector
from pipeline.operations.views.retention import prune

BATCH = 500
"""Records a transaction: rows are made under Python's lock, which whoever answers requests needs, too."""
_IDLE_SECONDS = 0.5
_QUIET_SECONDS = 2.0
_PRUNE_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class Follower:
    """Keeps the log fresh between `start` and `close`. What goes wrong is logged, and tried again."""

    def __init__(
        self, projector: Projector, database: Database, retention: timedelta, clock: Clock | None = None
    ) -> None:
        self._projector, self._database, self._retention = projector, database, retention
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="views", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                self._follow()
            except PipelineError as error:
                structlog.get_logger().warning("the log of runs is not kept up", reason=str(error), seconds=pause)
            except Exception:
                structlog.get_logger().exception("the log of runs is not kept up", seconds=pause)
            else:
                return
            self._projector.close()
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._projector.close()

    def _follow(self) -> None:
        try:
            pruned = looked = float("-inf")
            while not self._stop.is_set():
                moved = self._projector.step(_IDLE_SECONDS)
                now = time.monotonic()
                if not moved and now - looked > _QUIET_SECONDS and self._projector.awaits():
                    self._projector.catch_up()
                    looked = now
                if now - pruned > _PRUNE_SECONDS:
                    prune(self._database, utc(self._clock.now()) - self._retention)
                    pruned = now
        finally:
            self._projector.close()
