"""A broker is waited for; when waiting is in vain, the message says what to correct."""

from __future__ import annotations

import threading

import pytest

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.kafka.ports import free_port
from pipeline.kafka.wait import wait_for_broker


def test_a_broker_that_answers_is_enough(kafka: KafkaAccess) -> None:
    assert wait_for_broker(kafka) >= 1


def test_an_address_where_nobody_listens_is_named_and_the_waiting_is_told() -> None:
    address = f"127.0.0.1:{free_port()}"
    told: list[str] = []
    waited = threading.Event()

    def hear(why: str) -> None:
        told.append(why)
        waited.set()

    with pytest.raises(KafkaUnavailable, match=rf"no Kafka broker answered on {address}.*KAFKA_BOOTSTRAP_SERVERS"):
        wait_for_broker(KafkaAccess(address), 2.5, on_wait=hear)

    assert waited.is_set()
    assert told


def test_a_broker_without_tls_is_reported_at_once_when_tls_was_asked_for(kafka: KafkaAccess) -> None:
    if kafka.options:
        pytest.skip("the chosen cluster has security settings of its own")
    secured = KafkaAccess(kafka.bootstrap_servers, {"security.protocol": "ssl"})

    with pytest.raises(KafkaUnavailable, match="KAFKA_SECURITY_PROTOCOL"):
        wait_for_broker(secured, 600)
