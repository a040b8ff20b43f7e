"""What is written to the control topic is what every worker sees, then and later: on a real Kafka."""

from __future__ import annotations

import threading

import pytest

from pipeline.control.snapshot import ControlSnapshot, credentials_hash
from pipeline.control.store import ControlStore, ControlTail, read_control
from pipeline.kafka.admin import create_topics
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, FlowVersion, Link
from pipeline.schemas.topics import Topics
from pipeline.settings import Encoding

BOOKS = Connection(id="books-main", app="zohobooks", settings={"organization": "1"}, secrets={"token": "v1:a:x"})
FLOW = FlowVersion(id="accounts", version="1", text="name: accounts")
LINK = Link(id="accounts", flow="accounts", flow_version="1", connections={"zohobooks": "books-main"})


@pytest.fixture
def topic(kafka: KafkaAccess, topic_prefix: str) -> str:
    topics = Topics(topic_prefix, 1, ())
    create_topics(kafka, [spec for spec in topics.specs() if spec.name == topics.control], 1)
    return topics.control


@pytest.mark.parametrize("encoding", Encoding)
def test_a_worker_that_starts_sees_all_that_was_acknowledged(
    kafka: KafkaAccess, topic: str, encoding: Encoding
) -> None:
    codec = Codec(encoding)
    ControlStore(kafka, topic, codec).write([BOOKS, FLOW, LINK])

    seen = read_control(kafka, topic, codec)

    assert seen.connections == {"books-main": BOOKS}
    assert seen.flow_of(seen.links["accounts"]) == FLOW


def test_an_empty_topic_is_an_empty_snapshot(kafka: KafkaAccess, topic: str) -> None:
    assert read_control(kafka, topic, Codec()) == ControlSnapshot()


def test_a_running_worker_is_told_of_a_change_and_of_a_removal(kafka: KafkaAccess, topic: str) -> None:
    store = ControlStore(kafka, topic, Codec())
    store.write([BOOKS, FLOW, LINK])
    told: list[ControlSnapshot] = []
    news = threading.Condition()

    def on_change(snapshot: ControlSnapshot) -> None:
        with news:
            told.append(snapshot)
            news.notify()

    tail = ControlTail(kafka, topic, Codec(), on_change=on_change)
    first = tail.start()
    tail.follow(interval=0.05)
    try:
        paused = Connection(id="books-main", app="zohobooks", secrets=BOOKS.secrets, paused=True)
        store.write([paused])
        store.remove([LINK])
        with news:
            assert news.wait_for(lambda: tail.snapshot.connections["books-main"].paused and not tail.snapshot.links, 20)
    finally:
        tail.close()

    assert told[-1] is tail.snapshot
    assert told[-1].revision == first.revision + 2
    assert first.links == {"accounts": LINK}, "a snapshot in hand never changes"


def test_a_row_that_cannot_be_read_is_left_out_and_the_others_are_seen(kafka: KafkaAccess, topic: str) -> None:
    producer = kafka.producer()
    for key, value in ((b"connection/broken", b"{"), (b"nonsense", b"{}"), (b"\xff", b"{}")):
        producer.produce(topic, key=key, value=value, partition=0)
    producer.flush(10)
    ControlStore(kafka, topic, Codec()).write([BOOKS])

    assert read_control(kafka, topic, Codec()).connections == {"books-main": BOOKS}


def test_a_missing_topic_is_one_clear_error(kafka: KafkaAccess, topic_prefix: str) -> None:
    with pytest.raises(KafkaUnavailable, match="run `pipeline topics create`"):
        read_control(kafka, f"{topic_prefix}control", Codec())


def test_other_credentials_have_another_hash_and_other_settings_have_not() -> None:
    other_settings = Connection(id="books-main", app="zohobooks", settings={}, secrets=BOOKS.secrets)
    other_secrets = Connection(id="books-main", app="zohobooks", secrets={"token": "v1:a:y"})

    assert credentials_hash(BOOKS) == credentials_hash(other_settings)
    assert credentials_hash(BOOKS) != credentials_hash(other_secrets)
