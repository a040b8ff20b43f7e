"""What the routes of the control API work with: the same parts, and so the same functions, as the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.control.snapshot import ControlSnapshot
from pipeline.control.store import ControlStore, ControlTail
from pipeline.operations.installation import Parts
from pipeline.operations.views.views import Views


@dataclass(frozen=True)
class Api(Parts):
    """The parts of a gateway that runs. Routes are plain functions, each on a thread of its own.

    `tail` is read on demand and by nobody else. `token` gives the token as it is now.
    """

    tail: ControlTail
    token: Callable[[], str] = field(repr=False)
    views: Views
    _changes: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def control(self) -> ControlSnapshot:
        """All that was acknowledged before, by whomever."""
        return self.tail.refresh()

    @contextmanager
    def changing(self) -> Iterator[tuple[ControlSnapshot, ControlStore]]:
        """To read, decide and write: one request at a time, so that none overwrites what it has not seen.

        A command line on another machine is not held up by it: of two writers of one row the later one counts.
        """
        with self._changes:
            yield self.control(), self.store()
