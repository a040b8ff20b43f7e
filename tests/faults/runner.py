"""Runs faults, some at once: most of their time is waiting for sessions to end."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.lab import Lab

log = logging.getLogger(__name__)

Runs = Sequence[tuple[Fault, int]]
"""Faults and the number of the round."""


class Runner:
    """`jobs` threads with a laboratory each, so that faults which use its one machine do not meet on it."""

    def __init__(self, make_lab: Callable[[], Lab], seed: int, size: Size, jobs: int) -> None:
        self._make_lab = make_lab
        self._seed = seed
        self._size = size
        self._own = threading.local()
        self._labs: list[Lab] = []
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="fault", initializer=self._open)

    def submit(self, runs: Runs) -> list[Future[Row]]:
        """In this order; each future gives the row of its run."""
        return [self._threads.submit(self._run, fault, round_) for fault, round_ in runs]

    def close(self) -> None:
        """Waits for what runs; what has not begun is dropped."""
        self._threads.shutdown(cancel_futures=True)
        for lab in self._labs:
            lab.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._own.lab = self._make_lab()
        self._labs.append(self._own.lab)

    def _run(self, fault: Fault, round_: int) -> Row:
        """What a fault raises is a finding, so that the others still run."""
        try:
            return fault.run(self._own.lab, random.Random(f"{self._seed}/{fault.name}/{round_}"), self._size)
        except Exception as error:
            log.exception("%s broke", fault.name)
            said = f"unresolved: the fault itself broke: {type(error).__name__}: {error}"
            return Row(0, Tally(unresolved=1, findings=(said[:2000],)), 0.0, {})


def in_order(runs: Runs, rows: Sequence[Future[Row]]) -> Iterator[tuple[Fault, Row]]:
    """Each row as soon as it and all before it are there."""
    for (fault, _), row in zip(runs, rows, strict=True):
        yield fault, row.result()
