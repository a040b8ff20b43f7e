"""How far some events have come, by the committed records read so far; and how long work stood still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.schemas.records import Verdict
from tests.e2e.machine import Machine
from tests.faults.judge import Expected

QUIET = 3.0
"""Seconds without any record after which a step that led to no command is taken for the end of its run."""

T = TypeVar("T")


class Progress:
    """Follows the events of `expected`. Only waits by it; nothing is judged by it."""

    def __init__(self, machine: Machine, expected: Expected) -> None:
        self._machine = machine
        self._seen: dict[int, int] = {}
        self.wanted: int | None = 0
        self.undecided: set[str] = set()
        self.events: set[str] = set()
        self.open: set[str] = set()
        self.results = 0
        self._going_on: set[tuple[str, int]] = set()
        self._reached: set[tuple[str, int]] = set()
        self._ended: set[str] = set()
        self._changed = time.monotonic()
        self.expect(expected)

    def expect(self, more: Expected) -> None:
        """Follow these, too: their ids must be new."""
        self.wanted = None if self.wanted is None or more.commands is None else self.wanted + more.commands
        self.events |= set(more.events)
        self.undecided |= set(more.events)

    def poll(self, seconds: float = 0.1) -> bool:
        """Reads on; whether anything of these events came."""
        self._machine.record.poll(seconds)
        return self.look()

    def look(self) -> bool:
        record, before = self._machine.record, self.results
        came = False
        for decision in self._new(record.decisions):
            came = came or decision.event_id in self.undecided
            if decision.verdict is not Verdict.DUPLICATE:
                self.undecided.discard(decision.event_id)
            self._going_on -= {step for step in self._going_on if step[0] in {link.run for link in decision.links}}
        for step in self._new(record.steps):
            place = (step.run.id, step.index)
            if step.run.event_id in self.events and place not in self._reached:
                self._going_on.add(place)
        for command in self._new(record.commands):
            if command.run.event_id in self.events:
                came = True
                self._reached.add((command.run.id, command.index - 1))
                self._going_on.discard((command.run.id, command.index - 1))
                if command.id not in self._ended:
                    self.open.add(command.id)
        for result in self._new(record.results):
            if result.event_id in self.events:
                self.results += result.command not in self._ended
                self._ended.add(result.command)
                self.open.discard(result.command)
        came = came or self.results > before
        if came:
            self._changed = time.monotonic()
        return came

    @property
    def done(self) -> bool:
        """Everything decided, every command ended, every run gone on."""
        if self.undecided or self.open:
            return False
        if self.wanted is not None:
            return self.results >= self.wanted
        return not self._going_on or time.monotonic() - self._changed > QUIET

    def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Reads on until `reached`, or for `seconds` at most; whether it was reached."""
        deadline = time.monotonic() + seconds
        self.look()
        while not reached():
            if time.monotonic() > deadline:
                return False
            self.poll()
        return True

    def until_done(self, seconds: float = 90.0) -> bool:
        """Whether all ended within that time; what did not is for the judge to count."""
        return self.until(lambda: self.done, seconds)

    def _new(self, records: Sequence[T]) -> Iterator[T]:
        start = self._seen.get(id(records), 0)
        self._seen[id(records)] = len(records)
        return iter(records[start:])


class Recovery:
    """The longest time from an injection to the first result after it, while there was work to do.

    Where several come before a result, from the last of them.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._results = 0
        self._since: float | None = None
        self.longest = 0.0

    def injected(self) -> None:
        self._since, self._results = time.monotonic(), self._progress.results

    def look(self) -> None:
        """To be called after each poll."""
        if self._since is None:
            return
        now, results = time.monotonic(), self._progress.results
        self.longest = max(self.longest, now - self._since)
        if results != self._results or self._progress.done:
            self._since = None
