"""Which records are left out of the log, and which it waits for."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from pipeline.errors import Retry
from pipeline.operations.views.records import Reading
from pipeline.schemas.codec import Codec
from pipeline.schemas.registry import SchemaRegistry
from pipeline.schemas.registry_client import RegistryAccess
from pipeline.schemas.topics import Topics

TOPICS = Topics("", 1, ("togai", "zohobooks"))
OF_A_SCHEMA = Message(topic=TOPICS.results, partition=0, offset=7, key=b"acme", value=b"\x00\x00\x00\x00\x07datum")


def test_a_record_whose_schema_cannot_be_asked_for_now_is_waited_for() -> None:
    away = Codec(registry=SchemaRegistry(RegistryAccess.of("http://127.0.0.1:1", {})))
    with pytest.raises(Retry):
        Reading(TOPICS, away).read([OF_A_SCHEMA])


def test_a_record_that_will_never_be_read_is_left_out() -> None:
    assert Reading(TOPICS, Codec()).read([OF_A_SCHEMA]) == []
