"""A person at work while faults are injected: resumes what has stopped, and sends dead letters again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pipeline.operations.deadletters import Wanted
from pipeline.operations.redrive import Redrive
from pipeline.schemas.records import Command, Result, Status, redrive_rounds
from tests.faults.calls import Pair
from tests.faults.fault import Tally
from tests.faults.progress import Progress

ROUNDS = 1000
"""That a letter is sent again: this operator does not give up."""
HOLDS_UP = frozenset({"conflict", "currency", "forbidden", "not_found"})
"""Causes of refusals behind which the party waits. Behind others it goes on: what is sent again then, comes then."""


class Operator:
    """Looks every second or so at the connections of `pairs` and at what was refused."""

    def __init__(self, pairs: Sequence[Pair], progress: Progress, mend: Callable[[str], bool] | None = None) -> None:
        """`mend` gets the id of a stopped connection; False leaves it to be resumed as it is."""
        self._pairs = pairs
        self._progress = progress
        self._machine = pairs[0].machine
        self._mend = mend or (lambda _: False)
        here = self._machine.here
        self._redrive = Redrive(here.access, here.topics, here.codec, rate=10_000.0, rounds=ROUNDS)
        self._last: dict[str, Result] = {}
        self._read = 0
        self._looked = 0.0

    def work_until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Whether it was reached within so many seconds."""
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                return False
            self._progress.poll()
            if time.monotonic() - self._looked > 1.0:
                self._look()
        return True

    def satisfied(self) -> bool:
        """Everything ended, nothing in a refusal, and what was expected is there."""
        return self._progress.done and not self._refused() and all(pair.complete() for pair in self._pairs)

    def _look(self) -> None:
        machine = self._machine
        stopped = sorted(id_ for id_, state in machine.record.states.items() if state.stopped)
        rows = machine.here.control().connections if stopped else {}
        machine.here.store().write([rows[id_] for id_ in stopped if not self._mend(id_)])
        if self._refused():
            self._redrive.run(Wanted(stage="sink"))
        self._looked = time.monotonic()

    def _refused(self) -> bool:
        """Whether a command's last round ended in a refusal, by what was read so far."""
        results = self._machine.record.results
        for result in results[self._read :]:
            known = self._last.get(result.command)
            if known is None or result.redrive >= known.redrive:
                self._last[result.command] = result
        self._read = len(results)
        return any(result.status is Status.REFUSED for result in self._last.values())

    # --- judging ------------------------------------------------------------------------------------------------

    def letters(self) -> Tally:
        """Each refusal has its dead letter, and the letter all that it needs."""
        record, codec = self._machine.record, self._machine.here.codec
        letters = {(letter.command, redrive_rounds(letter.headers)): letter for letter in record.dead_letters}
        missing = []
        for result in record.results:
            if result.status is not Status.REFUSED:
                continue
            letter = letters.get((result.command, result.redrive))
            whole = (
                letter is not None
                and letter.value is not None
                and codec.decode(Command, letter.value).id == result.command
                and letter.key == result.connection.encode()
                and letter.cause == result.cause
                and bool(letter.topic)
            )
            if not whole:
                missing.append(f"lost: the dead letter of {result.command}, round {result.redrive}: {letter}")
        return Tally(lost=len(missing), findings=tuple(missing[:10]))

    def expect_refusals(self) -> None:
        """Refusals are no loss; behind one that holds nobody up, the next invoice of its account is booked earlier."""
        passed = _passed(self._machine.record.results)
        for pair in self._pairs:
            booked = {account: ids for account, ids in pair.expected.booked.items() if account not in passed}
            pair.expected = replace(pair.expected, booked=booked, refused=True)


def _passed(results: Iterable[Result]) -> set[str]:
    """Parties that went on behind a refusal: of a cause that is the command's own, or of a read."""
    return {
        result.party
        for result in results
        if result.cause is not None and (result.cause.kind not in HOLDS_UP or result.action.startswith("get_"))
    }
