"""Many records out of a plain loop, all acknowledged at the end."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message

from pipeline.errors import Undecodable
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable

_FLUSH_SECONDS = 30.0


class Delivery:
    """Leaving the block waits for the brokers. Raises `KafkaUnavailable` as soon as one record failed."""

    def __init__(self, access: KafkaAccess) -> None:
        self._producer = access.producer()
        self._failed: list[str] = []
        self.count = 0

    def produce(self, topic: str, key: bytes, value: bytes, headers: Mapping[str, bytes]) -> None:
        """Waits where too much is under way. Raises `Undecodable` for a record that is too large."""
        given: dict[str, str | bytes | None] = dict(headers)
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, headers=given, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise Undecodable("too_large", f"{len(value)} bytes are more than a record may have") from None
                raise KafkaUnavailable(error.args[0].str()) from None
        self.count += 1
        self._producer.poll(0)
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._producer.flush(_FLUSH_SECONDS)
        if error is None:
            self._check()
            if left:
                raise KafkaUnavailable(f"{left} records were not acknowledged within {_FLUSH_SECONDS:g} s")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed.append(error.str())

    def _check(self) -> None:
        if self._failed:
            raise KafkaUnavailable(f"not acknowledged: {self._failed[0]}")
