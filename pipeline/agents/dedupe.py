"""Repeated events, recognised by their ids, one bounded window a partition.

An event and its repeats have the same key, so they meet in the same partition. Decisions go to the partition number of
their event, so the tail of `sync.decisions` restores the window of whoever takes the partition over. Steps need no
window: a sink publishes each in the transaction that ends its command, so it exists once; one that an operator sends
again gives the same command id, and planning finds nothing to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pipeline.schemas.records import Decision, Verdict

WINDOW = 20_000


def had_effect(decision: Decision) -> bool:
    """Whether a repeat of the event must do nothing.

    One that failed, or that no link was for, had no effect: it may be sent again once the flow is mended or switched
    on. Where one link of several failed, the others had theirs.
    """
    if decision.verdict in (Verdict.FAILED, Verdict.NO_LINK):
        return any(link.command for link in decision.links)
    return True


def identity(connection: str, event_id: str, replay: str) -> str:
    """CloudEvents: source and id together identify an event. A replay decides it again, once."""
    return f"{connection}\n{event_id}\n{replay}"


class Window:
    """The newest ids of a partition: at least the last `size`, at most twice as many.

    Two generations, because dropping the oldest one by one costs more than forgetting half at once.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, identity: str) -> bool:
        return identity in self._young or identity in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, identity: str) -> None:
        self._young.add(identity)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()


class Dedupe:
    """The windows of the partitions at hand, by partition number.

    What is remembered of a batch that was not committed must go: its records come again, and are no repeats.
    """

    def __init__(self, size: int = WINDOW) -> None:
        self._size = size
        self._windows: defaultdict[int, Window] = defaultdict(lambda: Window(size))

    @property
    def size(self) -> int:
        return self._size

    def window(self, partition: int) -> Window:
        return self._windows[partition]

    def restore(self, partition: int, identities: Iterable[str]) -> None:
        """Remember what was decided on the partition, beside what is known of it already.

        One that is at hand may gain another topic while a batch of it is in work.
        """
        window = self._windows[partition]
        for one in identities:
            window.add(one)

    def forget(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._windows.pop(partition, None)
