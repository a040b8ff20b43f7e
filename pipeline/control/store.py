"""The `control` topic: what `apply` writes, and every worker reads and keeps following.

One partition, compacted: connections, flow versions and links in the order in which they were written, a tombstone
where one was removed. A worker that reads to the high watermark knows all that was acknowledged before it asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.control.snapshot import Controlled, ControlSnapshot, ControlTable, control_key
from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.schemas.codec import Codec

OnChange = Callable[[ControlSnapshot], None]

_CALL_SECONDS = 10.0
_BATCH = 500


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

    def __init__(self, access: KafkaAccess, topic: str, codec: Codec, *, on_change: OnChange | None = None) -> None:
        self._access, self._topic, self._on_change = access, topic, on_change
        self._table = ControlTable(codec)
        self._snapshot = ControlSnapshot()
        self._consumer: Consumer | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._log = structlog.get_logger(topic=topic)

    @property
    def snapshot(self) -> ControlSnapshot:
        return self._snapshot

    def start(self, timeout: float = 30.0) -> ControlSnapshot:
        """Read up to the high watermark. Raises `KafkaUnavailable`, `RestoreStalled`, `ConfigurationError`."""
        with self._lock:
            self._consumer = consumer = self._access.reader()
            partition = TopicPartition(self._topic, 0, OFFSET_BEGINNING)
            high = self._high_watermark(consumer, partition)
            consumer.assign([partition])
            deadline, position = time.monotonic() + timeout, 0
            while position < high:
                if time.monotonic() > deadline:
                    raise RestoreStalled(f"{self._topic}: read {position} of {high} within {timeout:g} s")
                position = max(position, self._take(consumer.consume(_BATCH, 0.1)))
            self._snapshot = self._table.snapshot()
            return self._snapshot

    def poll(self, timeout: float = 0.0) -> bool:
        """Take in what came since; True where the snapshot changed. Raises nothing for a broker that is away."""
        with self._lock:
            if self._consumer is None:
                raise RuntimeError("a control tail is started before it is polled")
            before = self._table.revision
            messages = self._consumer.consume(1, timeout)
            while messages:
                self._take(messages)
                messages = self._consumer.consume(_BATCH, 0)
            if self._table.revision == before:
                return False
            self._snapshot = self._table.snapshot()
        if self._on_change is not None:
            self._on_change(self._snapshot)
        return True

    def follow(self, interval: float = 0.5) -> None:
        """Keep the snapshot fresh on a thread of its own until `close`; a change is seen within `interval` seconds."""
        if self._consumer is None:
            self.start()
        self._thread = threading.Thread(target=self._follow, args=(interval,), name="control-tail", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

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
                # The thread must live on: a worker with old connections and links is worse than a noisy log.
                self._log.exception("a change of control could not be taken in")
                self._stop.wait(interval)

    def _take(self, messages: list[Message]) -> int:
        """Rows into the table; gives the offset up to which the topic is known."""
        position = 0
        for message in messages:
            error = message.error()
            if error is None:
                self._table.take(message.key() or b"", message.value())
                position = (message.offset() or 0) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                position = message.offset() or 0
            elif error.fatal() or not error.retriable():
                self._log.warning("control: the broker reports an error", error=error.str())
        return position

    def _high_watermark(self, consumer: Consumer, partition: TopicPartition) -> int:
        try:
            answer = consumer.get_watermark_offsets(partition, timeout=_CALL_SECONDS, cached=False)
        except KafkaException as error:
            code = error.args[0].code()
            if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):
                raise ConfigurationError(f"topic {self._topic} does not exist: run `pipeline topics create`") from None
            raise KafkaUnavailable(f"{self._topic}: {error.args[0].str()}") from None
        if answer is None:
            raise KafkaUnavailable(f"{self._topic}: no broker answered within {_CALL_SECONDS:g} s")
        return int(answer[1])


def read_control(access: KafkaAccess, topic: str, codec: Codec) -> ControlSnapshot:
    """All that was acknowledged before this call."""
    with ControlTail(access, topic, codec) as tail:
        return tail.snapshot
