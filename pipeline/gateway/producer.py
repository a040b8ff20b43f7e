"""Records out of an event loop, each answered when the brokers acknowledged it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable

_MOST_BYTES = 4 * 1024 * 1024
"""What a client may send; what the broker takes is its own setting."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be produced."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class TooLarge(Exception):
    """The broker takes no record of this size; `index` says which one of the batch."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__(f"the record of {size} bytes is larger than the broker takes")
        self.index = index


@dataclass
class _Batch:
    """Futures cost more than records: one future for all, set by the last acknowledgement."""

    future: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop
    left: int
    failure: Exception | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self, failure: Exception | None) -> None:
        with self.lock:
            self.left -= 1
            self.failure = self.failure or failure
            if self.left:
                return
        self.loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if self.future.done():
            return
        if self.failure is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(self.failure)


class AcknowledgingProducer:
    """An idempotent producer with a thread that serves its callbacks. Thread-safe.

    After `delivery_seconds` without an acknowledgement a record counts as not accepted.
    """

    def __init__(self, access: KafkaAccess, *, delivery_seconds: float = 10.0) -> None:
        self._producer = access.producer(
            {"linger.ms": 5, "delivery.timeout.ms": int(delivery_seconds * 1000), "message.max.bytes": _MOST_BYTES}
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="gateway-producer", daemon=True)
        self._thread.start()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns when all are acknowledged. Raises `KafkaUnavailable` where one may not be: repeating is safe,
        repeated events are recognised by id. Raises `TooLarge`."""
        if not records:
            return
        loop = asyncio.get_running_loop()
        batch = _Batch(loop.create_future(), loop, len(records))
        for index, record in enumerate(records):
            try:
                self._producer.produce(
                    record.topic,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers),
                    on_delivery=_callback(batch, index, len(record.value)),
                )
            except BufferError:
                batch.done(KafkaUnavailable("too many records are waiting for the broker; send again later"))
            except Exception as error:
                batch.done(_failure(getattr(error, "args", [None])[0], index, len(record.value)))
        await batch.future

    def reachable(self, timeout: float = 3.0) -> bool:
        """Whether a broker answers; blocks up to `timeout` seconds."""
        try:
            return bool(self._producer.list_topics(timeout=timeout).brokers)
        except Exception:
            return False

    def close(self, timeout: float = 10.0) -> None:
        """Wait for what was produced, then stop."""
        self._producer.flush(timeout)
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(0.1)


def _callback(batch: _Batch, index: int, size: int) -> Callable[[KafkaError | None, Message], None]:
    def delivered(error: KafkaError | None, _: Message) -> None:
        batch.done(None if error is None else _failure(error, index, size))

    return delivered


def _failure(error: object, index: int, size: int) -> Exception:
    if isinstance(error, KafkaError):
        if error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE):
            return TooLarge(index, size)
        return KafkaUnavailable(f"not acknowledged: {error.str()}")
    return KafkaUnavailable(f"not acknowledged: {error}")
