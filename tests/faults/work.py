"""Work for the pipeline while faults are injected: backlogs one after the other, and what must come of all of them."""

from __future__ import annotations

import random

from tests.e2e.events import Backlog
from tests.e2e.machine import Machine
from tests.faults.judge import Expected
from tests.faults.progress import Progress, Recovery

LATENCY = 0.02
"""Seconds a call of Zoho Books takes, so that calls are under way at any moment."""


class Work:
    """Each account in three versions and two invoices, interleaved; a new backlog when the last is nearly decided."""

    def __init__(self, machine: Machine, rng: random.Random, *, accounts: int = 20) -> None:
        self._machine = machine
        self._rng = random.Random(rng.random())
        self._accounts = accounts
        self.expected = Expected(events=[], commands=0)
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)

    def send(self) -> None:
        """One backlog more, whose ids nobody else has."""
        backlog = Backlog(self._machine, self._accounts, seed=self._rng.getrandbits(40))
        more = Expected.of(backlog)
        self.expected = self.expected + more
        self.progress.expect(more)
        self._machine.send(backlog.events)

    def keep_busy(self, *, open_commands: int = 60) -> None:
        """Send more as soon as little is left to do."""
        if len(self.progress.open) + 2 * len(self.progress.undecided) < open_commands:
            self.send()

    def poll(self, seconds: float = 0.05) -> None:
        self.progress.poll(seconds)
        self.recovery.look()

    def finish(self, seconds: float = 90.0) -> None:
        """Until all has ended, or for `seconds`; what did not end is for the judge to count."""

        def done() -> bool:
            self.recovery.look()
            return self.progress.done

        self.progress.until(done, seconds)
