"""The `control` topic: what `apply` writes, and every worker reads and keeps following.

One partition, compacted: connections, flow versions and links in the order in which they were written, a tombstone
where one was removed. A worker that reads to the high watermark knows all that was acknowledged before it asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import KafkaError, Message

from pipeline.control.snapshot import Controlled, ControlSnapshot, ControlTable, control_key
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import CompactedReader
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.codec import Codec

OnChange = Callable[[ControlSnapshot], None]

_CALL_SECONDS = 10.0


class ControlStore:
    """Writes rows; returns after the brokers acknowledged them. Later rows of a key replace earlier ones."""

    def __init__(self, access: KafkaAccess, topic: str, codec: Codec) -> None:
        self._access, self._topic, self._codec = access, topic, codec

    def write(self, records: Iterable[Controlled]) -> None:
        """Raises `KafkaUnavailable`; what was acknowledged before stays."""
        self._send([(control_key(record), self._codec.encode(record)) for record in records])

    def remove(self, records: Iterable[Controlled]) -> None:
        """Links go first: nothing may refer to what is gone."""
        self._send([(control_key(record), None) for record in records])

    def _send(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        if not rows:
            return
        failed: list[str] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error.str())

        producer = self._access.producer({"delivery.timeout.ms": int(_CALL_SECONDS * 1000)})
        for key, value in rows:
            producer.produce(self._topic, key=key, value=value, partition=0, on_delivery=delivered)
        left = producer.flush(_CALL_SECONDS + 1)
        if failed or left:
            raise KafkaUnavailable(f"{self._topic}: not written: {failed[0] if failed else 'no broker answered'}")


class ControlTail:
    """Follows the topic. `snapshot` is always whole and immutable; it may be read from any thread.

    Use `poll` from time to time, or `follow` once for a thread that does. `on_change` is called on the polling thread
    with the snapshot, when it changed and nothing more is waiting.
    """

    def __init__(
        self, access: KafkaAccess, topic: str, codec: Codec, *, on_change: OnChange | None = None, stall: float = 45.0
    ) -> None:
        self._topic, self._on_change = topic, on_change
        self._reader = CompactedReader(access, stall_limit=stall)
        self._table = ControlTable(codec)
        self._snapshot = ControlSnapshot()
        self._started = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def snapshot(self) -> ControlSnapshot:
        return self._snapshot

    def start(self) -> ControlSnapshot:
        """Read up to the high watermark. Raises `KafkaUnavailable`, `RestoreStalled`."""
        with self._lock:
            if not self._started:
                for rows in self._reader.restore(self._topic):
                    self._take(rows)
                self._snapshot = self._table.snapshot()
                self._started = True
        return self._snapshot

    def poll(self, timeout: float = 0.0) -> bool:
        """Take in what came since `start`; True where the snapshot changed. Raises `KafkaUnavailable`."""
        with self._lock:
            before = self._table.revision
            rows = self._reader.poll(timeout)
            while rows:
                self._take(rows)
                rows = self._reader.poll(0)
            if self._table.revision == before:
                return False
            self._snapshot = self._table.snapshot()
        if self._on_change is not None:
            self._on_change(self._snapshot)
        return True

    def refresh(self) -> ControlSnapshot:
        """All that was acknowledged before this call. For a tail that nothing else polls.

        Raises `KafkaUnavailable`, `RestoreStalled`.
        """
        if not self._started:
            return self.start()
        with self._lock:
            before = self._table.revision
            for rows in self._reader.restore(self._topic, start=self._reader.restored):
                self._take(rows)
            if self._table.revision != before:
                self._snapshot = self._table.snapshot()
        return self._snapshot

    def follow(self, interval: float = 0.5) -> None:
        """Keep the snapshot fresh on a thread of its own until `close`."""
        self.start()
        self._thread = threading.Thread(target=self._follow, args=(interval,), name="control-tail", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._reader.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, interval: float) -> None:
        while not self._stop.is_set():
            try:
                self.poll(interval)
            except Exception:
                # The thread must live on: a worker that no longer hears of changes is worse than a noisy log.
                structlog.get_logger().exception("a change of control could not be taken in", topic=self._topic)
                self._stop.wait(interval)

    def _take(self, rows: Iterable[Message]) -> None:
        for row in rows:
            self._table.take(row.key() or b"", row.value())


def read_control(access: KafkaAccess, topic: str, codec: Codec) -> ControlSnapshot:
    """All that was acknowledged before this call."""
    with ControlTail(access, topic, codec) as tail:
        return tail.snapshot
