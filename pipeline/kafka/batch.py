"""A batch of records on its way through a worker, and the order in which batches may end.

Batches are handed out in order and settle in order: a batch commits only when all before it have committed, since
its offsets stand for theirs too. Once one fails, all that were handed out after it are stale.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from confluent_kafka import Message, TopicPartition

from pipeline.kafka.errors import StaleBatch

Place = tuple[str, int]
"""Topic and partition."""


class _State(Enum):
    OPEN = "open"
    STALE = "stale"
    SETTLED = "settled"


class Batch:
    """What one transaction carries. Any thread may settle it; `done` or `failed` has to be called exactly once.

    `messages` are in order within each partition and free of errors. `offsets` are the next positions, one for each
    partition that occurs. `group_metadata` was taken with the messages and belongs into the transaction.
    """

    __slots__ = ("_evaluated", "_in_work", "_state", "group_metadata", "messages", "number", "offsets", "places")

    def __init__(
        self,
        number: int,
        messages: list[Message],
        offsets: list[TopicPartition],
        group_metadata: Any,
        in_work: InWork,
    ) -> None:
        self.number = number
        self.messages = messages
        self.offsets = offsets
        self.group_metadata = group_metadata
        self.places: frozenset[Place] = frozenset((o.topic, o.partition) for o in offsets)
        self._in_work = in_work
        self._state = _State.OPEN
        self._evaluated = False

    @property
    def stale(self) -> bool:
        """Its work is to be dropped: a partition is lost, or a batch before it failed. Its records come again."""
        return self._state is _State.STALE

    def readable(self) -> list[Message]:
        """The messages to be worked on: all but those of places that are held since they were read."""
        held = self._in_work._apply_holds(self)
        if not held:
            return self.messages
        return [message for message in self.messages if (message.topic(), message.partition()) not in held]

    def hold(self, first: Mapping[Place, int]) -> None:
        """What is at these offsets and behind them is not done: it is not committed, and comes again after a while.

        To be called before the offsets are sent. Everything else goes on meanwhile.
        """
        self._in_work._hold(self, first)

    def evaluated(self) -> None:
        """All that it comes to is on its way to the brokers. While it waits for them, the next one may be fetched."""
        self._in_work._note_evaluated(self)

    def await_turn(self, timeout: float = 30) -> None:
        """Returns when all batches before it have committed; call it right before the commit.

        Raises `StaleBatch` when that will not happen.
        """
        self._in_work._await_turn(self, timeout)

    def _stay(self, first: Mapping[Place, int]) -> None:
        for position in self.offsets:
            position.offset = first.get((position.topic, position.partition), position.offset)

    def done(self) -> None:
        """Its transaction has committed."""
        self._in_work._settle(self, committed=True)

    def failed(self) -> None:
        """Its transaction did not commit, or was never begun: its records will be read again."""
        self._in_work._settle(self, committed=False)


class InWork:
    """The batches handed out and not yet settled, oldest first. Shared by the consumer's and the workers' threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: deque[Batch] = deque()
        self._rewind = False
        self._failures_in_a_row = 0
        self._holds: dict[Place, int] = {}

    def add(self, batch: Batch) -> bool:
        """Counts it as handed out; False if it must not be: its records were fetched before a rewind that is due.

        Its predecessor failed meanwhile, and committing it would leave out the predecessor's records.
        """
        with self._changed:
            if self._rewind:
                return False
            self._open.append(batch)
            return True

    @property
    def rewind_needed(self) -> bool:
        """Some records were handed out and not committed; reading must go back to the committed offsets."""
        return self._rewind

    @property
    def failures_in_a_row(self) -> int:
        """Batches given back since one last committed."""
        return self._failures_in_a_row

    def request_rewind(self) -> None:
        with self._changed:
            self._rewind = True
            self._changed.notify_all()

    def rewound(self) -> None:
        with self._changed:
            self._rewind = False
            self._holds.clear()

    @property
    def holds(self) -> dict[Place, int]:
        """The places where reading has to go back to an offset that could not be done."""
        with self._changed:
            return dict(self._holds)

    def lift(self, place: Place) -> bool:
        """Ends a hold right before reading goes back; False while a batch is out that read beyond it."""
        with self._changed:
            if any(place in batch.places for batch in self._open):
                return False
            self._holds.pop(place, None)
            return True

    def release(self, places: Collection[Place]) -> None:
        """They are another worker's: what is held there is its business."""
        with self._changed:
            for place in places:
                self._holds.pop(place, None)

    def wait_for_room(self, most: int, timeout: float) -> bool:
        """Within `timeout` seconds: whether fewer than `most` batches are out, all evaluated, or a rewind is needed."""

        def room() -> bool:
            return self._rewind or (len(self._open) < most and all(batch._evaluated for batch in self._open))

        with self._changed:
            return self._changed.wait_for(room, timeout)

    def drain(self, places: Collection[Place] | None, timeout: float) -> bool:
        """Waits for the batches that hold records of `places` (None: all); whether they settled in time.

        The ones that did not are stale from then on.
        """

        def settled() -> bool:
            return not any(_touches(batch, places) for batch in self._open)

        with self._changed:
            if self._changed.wait_for(settled, timeout):
                return True
        self.void(places)
        return False

    def void(self, places: Collection[Place] | None) -> None:
        """Makes the batches with records of `places` stale, and those after the first of them."""
        with self._changed:
            first = next((batch for batch in self._open if _touches(batch, places)), None)
            if first is not None:
                self._void_from(first)

    def forget_stale(self) -> None:
        """Counts stale batches as settled, whoever still works on them: they cannot commit any more."""
        with self._changed:
            for batch in [batch for batch in self._open if batch.stale]:
                self._open.remove(batch)
            self._changed.notify_all()

    def _apply_holds(self, batch: Batch) -> Collection[Place]:
        """The places of `batch` that are held; its offsets stay with what is held there."""
        with self._changed:
            held = {place: offset for place, offset in self._holds.items() if place in batch.places}
            batch._stay(held)
        return held

    def _hold(self, batch: Batch, first: Mapping[Place, int]) -> None:
        with self._changed:
            batch._stay(first)
            if batch._state is _State.OPEN:
                self._holds |= first

    def _note_evaluated(self, batch: Batch) -> None:
        with self._changed:
            batch._evaluated = True
            self._changed.notify_all()

    def _await_turn(self, batch: Batch, timeout: float) -> None:
        def decided() -> bool:
            return batch._state is not _State.OPEN or (bool(self._open) and self._open[0] is batch)

        with self._changed:
            came = self._changed.wait_for(decided, timeout)
            if batch._state is not _State.OPEN:
                raise StaleBatch(f"batch {batch.number} is no longer ours; its records come again")
            if not came:
                raise StaleBatch(f"the batch before {batch.number} did not end in {timeout:.0f} s")

    def _settle(self, batch: Batch, *, committed: bool) -> None:
        with self._changed:
            if batch._state is _State.SETTLED:
                return
            if committed:
                self._failures_in_a_row = 0
            else:
                self._failures_in_a_row += not batch.stale
                self._void_from(batch)
            batch._state = _State.SETTLED
            if batch in self._open:
                self._open.remove(batch)
            self._changed.notify_all()

    def _void_from(self, first: Batch) -> None:
        self._rewind = True
        for batch in self._open:
            if batch.number >= first.number and batch._state is _State.OPEN:
                batch._state = _State.STALE
        self._changed.notify_all()


def _touches(batch: Batch, places: Collection[Place] | None) -> bool:
    return places is None or not batch.places.isdisjoint(places)
